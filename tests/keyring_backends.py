"""Keyrings that behave well or badly, chosen with PYTHON_KEYRING_BACKEND=keyring_backends.NAME.

Their priority is 0, so that no other test finds one of them by search; only Plaintext, which an
entry point offers, would be taken.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.compat.properties import classproperty
from keyring.errors import InitError, KeyringLocked, NoKeyringError


class Fake(KeyringBackend):
    """Keeps each value in a file of its own under FAKE_KEYRING."""

    priority = 0

    def _file(self, service: str, username: str) -> Path:
        name = hashlib.sha256(f"{service}\n{username}".encode()).hexdigest()
        return Path(os.environ["FAKE_KEYRING"]) / name

    def get_password(self, service, username):
        file = self._file(service, username)
        return json.loads(file.read_text())["value"] if file.exists() else None

    def set_password(self, service, username, password):
        entry = {"service": service, "username": username, "value": password}
        self._file(service, username).write_text(json.dumps(entry))

    def delete_password(self, service, username):
        self._file(service, username).unlink()


class MemoryFile(Fake):
    """One that works."""


class Plaintext(Fake):
    """One that the search would find, and that encrypts nothing."""

    priority = 0.5


class _Raising(Fake):
    error: Exception

    def get_password(self, service, username):
        raise self.error

    def set_password(self, service, username, password):
        raise self.error


class Missing(_Raising):
    error = NoKeyringError("no recommended backend")


class Locked(_Raising):
    error = KeyringLocked("Failed to unlock the collection!")


class Uncreated(_Raising):
    error = InitError("Failed to create the collection: Prompt dismissed..")


class Asking(_Raising):
    error = EOFError("EOF when reading a line")


class Telling(Fake):
    """Puts the key into its error message."""

    def set_password(self, service, username, password):
        raise RuntimeError(f"cannot store {password}")


class Bytes(Fake):
    """Gives the wrong type."""

    def get_password(self, service, username):
        return b"bytes"


class Forgetful(Fake):
    """Takes a key and does not keep it."""

    def set_password(self, service, username, password):
        pass


class Hanging(Fake):
    """Never comes back."""

    def get_password(self, service, username):
        threading.Event().wait()

    def set_password(self, service, username, password):
        threading.Event().wait()


class Unsuitable(Fake):
    """Cannot work on this machine."""

    @classproperty
    def priority(self):
        raise RuntimeError("needs hardware that is not here")


class NotAKeyring:
    """Not one at all."""

    priority = 1
