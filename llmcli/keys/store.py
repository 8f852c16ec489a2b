"""The only door to the keyring library: known backends, three seconds, plain words for trouble."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from llmcli.errors import CredentialsError
from llmcli.sanitize import one_line

SERVICE = "llmcli"
SECONDS = 3.0
BACKEND_VARIABLE = "PYTHON_KEYRING_BACKEND"
KNOWN = {
    "keyring.backends.SecretService": "Secret Service",
    "keyring.backends.libsecret": "libsecret",
    "keyring.backends.kwallet": "KWallet",
    "keyring.backends.macOS": "macOS Keychain",
    "keyring.backends.Windows": "Windows Credential Manager",
}
_CHAINER = "keyring.backends.chainer"
_NONE = ("keyring.backends.fail", "keyring.backends.null")
_MISSING = "there is no OS keyring here"

T = TypeVar("T")


def get(user: str, backend: str) -> str | None:
    """The value stored for `user` in this backend, or None. Raises CredentialsError."""

    def work(keyring: Any) -> str | None:
        value = keyring.get_password(SERVICE, user)
        if value is not None and not isinstance(value, str):
            raise CredentialsError(f"{_called(keyring)} gave something that is not text")
        return value

    return _Call(work).answer(backend)


def put(user: str, value: str) -> str:
    """Store a value, see that it is there, and return the backend. Raises CredentialsError."""

    def work(keyring: Any) -> str:
        keyring.set_password(SERVICE, user, value)
        if keyring.get_password(SERVICE, user) != value:
            raise CredentialsError(f"{_called(keyring)} took the key and did not keep it")
        return _path(keyring)

    return _Call(work).answer()


def delete(user: str, backend: str) -> None:
    """Delete what is stored for `user`, if anything is. Raises CredentialsError."""

    def work(keyring: Any) -> None:
        if keyring.get_password(SERVICE, user) is not None:
            keyring.delete_password(SERVICE, user)

    _Call(work).answer(backend)


def check() -> str:
    """The backend that would store a key. Raises CredentialsError when there is none."""
    return _Call(_path).answer()


def label(backend: str) -> str:
    """The name people know a backend by."""
    module = backend.rpartition(".")[0]
    return "several" if module == _CHAINER else KNOWN.get(module, backend)


class _Call(Generic[T]):
    """One piece of work for the keyring, done in a thread that may never come back."""

    def __init__(self, work: Callable[[Any], T]) -> None:
        self._work = work
        self._results: list[T] = []
        self._error: BaseException | None = None
        self._keyring: Any = None

    def answer(self, backend: str = "") -> T:
        """What the work returns. Raises CredentialsError, in time whatever the keyring does."""
        thread = threading.Thread(target=self._run, args=(backend,), name="keyring", daemon=True)
        thread.start()
        thread.join(SECONDS)
        if thread.is_alive():
            raise CredentialsError(
                f"{_called(self._keyring)} does not answer (waited {SECONDS:.0f} s)",
                hint="If a window asks for its password, give it there and try again.",
            )
        if isinstance(self._error, CredentialsError):
            raise self._error
        if self._error is not None:
            raise _trouble(self._error, self._keyring) from self._error
        return self._results[0]

    def _run(self, backend: str) -> None:
        try:
            self._keyring = _direct(backend) or _discover()
            self._results.append(self._work(self._keyring))
        except BaseException as error:  # noqa: BLE001
            self._error = error


def _direct(backend: str) -> Any:
    """A known backend by its path, without the search for others, which takes longer."""
    if backend.rpartition(".")[0] not in KNOWN or os.environ.get(BACKEND_VARIABLE):
        return None
    from keyring import core

    try:
        return core.load_keyring(backend)
    except (RuntimeError, ImportError, AttributeError):
        return None


def _discover() -> Any:
    """The keyring of this machine: the one the user named, else the best of the known ones."""
    import logging

    from keyring import core

    logging.getLogger("keyring").addHandler(logging.NullHandler())
    core.init_backend(limit=_is_known)
    found: Any = core.get_keyring()
    module = type(found).__module__
    if module in _NONE or (module == _CHAINER and not found.backends):
        _refuse_others()
        raise CredentialsError(_MISSING)
    if not os.environ.get(BACKEND_VARIABLE) and not _is_known(found):
        raise _refusal(found)
    return found


def _is_known(keyring: Any) -> bool:
    """Whether it encrypts and asks nothing here; a chainer asks only those that pass this too."""
    module = type(keyring).__module__
    return module in KNOWN or module == _CHAINER


def _refuse_others() -> None:
    """Name the backend that would have been taken if we did not care."""
    from keyring import backend

    if os.environ.get(BACKEND_VARIABLE):
        return
    others = [
        found
        for found in backend.get_all_keyring()
        if not _is_known(found) and type(found).__module__ not in _NONE and found.priority > 0
    ]
    if others:
        raise _refusal(max(others, key=lambda found: found.priority))


def _refusal(keyring: Any) -> CredentialsError:
    return CredentialsError(
        f"the keyring {_path(keyring)} is refused: it is not known to keep keys encrypted",
        hint=f"To use it all the same: {BACKEND_VARIABLE}={_path(keyring)}",
    )


def _path(keyring: Any) -> str:
    kind = type(keyring)
    return f"{kind.__module__}.{kind.__qualname__}"


def _called(keyring: Any) -> str:
    return f"the keyring ({label(_path(keyring))})" if keyring is not None else "the keyring"


def _trouble(error: BaseException, keyring: Any) -> CredentialsError:
    """What went wrong in words; by class name, as D-Bus libraries have exceptions of their own."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    subject = _called(keyring)
    if "NoKeyringError" in kinds:
        return CredentialsError(_MISSING)
    if kinds & {"KeyringLocked", "LockedException"}:
        return CredentialsError(f"{subject} is locked", hint="Unlock it and try again.")
    if "InitError" in kinds:
        return CredentialsError(
            f"{subject} has not been created yet",
            hint="Create it by logging in on the desktop, or with a keyring manager.",
        )
    if keyring is None and os.environ.get(BACKEND_VARIABLE):
        subject = f"the keyring named by {BACKEND_VARIABLE}"
    words = one_line(str(error), 200)
    return CredentialsError(f"{subject} failed: {type(error).__name__}{words and ': '}{words}")
