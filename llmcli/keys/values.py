"""What a key is, and what a text must be to be one."""

from __future__ import annotations

import re
from typing import NamedTuple

from llmcli.errors import CredentialsError
from llmcli.redaction import Secret

try:
    import resource
except ImportError:  # pragma: no cover
    resource = None  # type: ignore[assignment]

LENGTH_LIMIT = 8192
_FLAWS = (
    (re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]"), "a line break"),
    (re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]"), "a control character"),
    (re.compile("[\xad\u180e\u200b-\u200f\u2060-\u2064\ufeff]"), "an invisible character"),
    (re.compile(r"\s"), "a space"),
    (re.compile("[\u2018-\u201f]"), "a curly quote"),
    (re.compile(r"[^\x21-\x7e]"), "a character that is not ASCII"),
)


class Key(NamedTuple):
    """A key and where it came from, such as `env GROQ_API_KEY`."""

    secret: Secret
    source: str

    def when_refused(self, provider: str) -> str:
        """Where the refused key came from, and what to do about it."""
        mend = f"replace it with `llm keys set {provider}`"
        if self.source.startswith("env "):
            mend = f"or set {self.source.removeprefix('env ')} to another"
        check = f"Check it with `llm providers test {provider}`, {mend}."
        return f"The key came from {self.source}.\n{check}"


def check_value(value: str) -> str:
    """The key without white space at its ends. Raises CredentialsError, which never shows it."""
    trimmed = value.strip()
    if not trimmed:
        raise CredentialsError("the key is empty")
    if len(trimmed) > LENGTH_LIMIT:
        raise CredentialsError(f"the key is longer than {LENGTH_LIMIT} characters")
    for pattern, flaw in _FLAWS:
        if pattern.search(trimmed):
            raise CredentialsError(
                f"the key has {flaw} in it", hint="Copy it again; its value is not shown here."
            )
    return trimmed


def loaded(value: str, source: str) -> Key:
    """A key from its source, checked. Raises CredentialsError that names the source."""
    try:
        secret = Secret(check_value(value))
    except CredentialsError as error:
        raise CredentialsError(f"{source}: {error.message}", hint=error.hint) from None
    forbid_core_dumps()
    return Key(secret, source)


def forbid_core_dumps() -> None:
    """Keep the memory of this process out of files, now that a key is in it."""
    if resource is None:  # pragma: no cover
        return
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
