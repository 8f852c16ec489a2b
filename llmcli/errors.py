"""Every way a run can fail, and the exit code each one ends with.

LlmError
├── UsageError               2   the command line or the input is wrong
├── ConfigError              3   config, card, provider or model is wrong or unknown
├── CredentialsError         4   no usable key
├── BudgetReached            5   a limit of the user's own would be passed, or has been
├── LocalIOError            10   stdout or a needed local file cannot be written
└── ProviderError                a call failed; carries what is known of it
    ├── AuthError            4   401: the key was refused
    ├── PermissionDenied     4   403: the key may not do this
    ├── BillingError         5   402, or a quota that waiting does not refill
    ├── RateLimitError       5   429
    ├── NetworkError         6   nothing was received
    ├── TimedOut             6   a clock ran out before any content
    ├── ServerError          7   5xx, 408, 409
    ├── ProtocolError        7   the answer is not what the API promises
    ├── IncompleteError      8   the answer started and did not finish
    ├── BadRequest           9   400, 404, 405, 413, 422 and the like
    │   ├── NotFound
    │   └── ContextTooLong
    └── ContentFiltered      9   refused or filtered, with nothing to show

Interrupted        128 + n       a signal asked us to stop; outside the tree, like KeyboardInterrupt
"""

from __future__ import annotations

from enum import IntEnum
from typing import TypeAlias


class ExitCode(IntEnum):
    """What `llm` returns to the shell; a stable interface."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    CONFIG = 3
    CREDENTIALS = 4
    LIMIT = 5
    NETWORK = 6
    PROVIDER = 7
    INCOMPLETE = 8
    REJECTED = 9
    LOCAL_IO = 10


EXIT_CODES: dict[int, str] = {
    ExitCode.OK: "the whole answer was delivered",
    ExitCode.INTERNAL: "a bug in llm",
    ExitCode.USAGE: "wrong command line or input",
    ExitCode.CONFIG: "config, unknown provider or model",
    ExitCode.CREDENTIALS: "no key, or the key was refused",
    ExitCode.LIMIT: "rate limit, quota or budget",
    ExitCode.NETWORK: "network: nothing was received",
    ExitCode.PROVIDER: "the provider failed, or did not answer as an API",
    ExitCode.INCOMPLETE: "the answer started and did not finish",
    ExitCode.REJECTED: "the provider rejected or refused the request",
    ExitCode.LOCAL_IO: "output cannot be written",
    129: "died of SIGHUP",
    130: "died of SIGINT (Ctrl-C)",
    141: "died of SIGPIPE (the reader went away)",
    143: "died of SIGTERM",
}


class LlmError(Exception):
    """A failure with a message for the user, a hint what to do next and an exit code."""

    kind = "internal"
    exit_code: int = ExitCode.INTERNAL
    retryable = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(LlmError):
    """The command line or the input is wrong."""

    kind = "usage"
    exit_code = ExitCode.USAGE


class ConfigError(LlmError):
    """The config, a card, a provider name or a model spec is wrong."""

    kind = "config"
    exit_code = ExitCode.CONFIG


class CredentialsError(LlmError):
    """No usable key: none found, a keyring in trouble, or a refusal of ours to send it."""

    kind = "credentials"
    exit_code = ExitCode.CREDENTIALS


class BudgetReached(LlmError):
    """A call would pass a limit of the user's own, or has; `limit` is its name, as `day`."""

    kind = "budget"
    exit_code = ExitCode.LIMIT

    def __init__(self, message: str, *, hint: str = "", limit: str = "") -> None:
        super().__init__(message, hint=hint)
        self.limit = limit


class LocalIOError(LlmError):
    """Stdout or a local file cannot be written."""

    kind = "local_io"
    exit_code = ExitCode.LOCAL_IO


class Interrupted(KeyboardInterrupt):
    """A signal asked the run to stop; the process dies of that signal after cleaning up.

    No LlmError and no Exception, so nothing that deals with failures takes it for one.
    """

    kind = "interrupted"
    message = "interrupted"
    hint = ""
    retryable = False

    def __init__(self, signum: int) -> None:
        super().__init__(self.message)
        self.signum = signum
        self.exit_code = 128 + signum


# Statuses of a server that does not have the call, though it may answer others.
NO_SUCH_CALL = frozenset({404, 405, 501})


class ProviderError(LlmError):
    """A call to a provider failed; unknown facts are None.

    `retry_after` is in seconds. `provider` and `model` are filled in by the provider that made
    the call, the rest by whoever saw the failure.
    """

    kind = "provider"
    exit_code = ExitCode.PROVIDER

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        http_status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.http_status = http_status
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after
        self.provider: str | None = None
        self.model: str | None = None
        self.key_sent = True
        if retryable is not None:
            self.retryable = retryable


class AuthError(ProviderError):
    """The provider refused the key, or wants one and got none (`key_sent` is False)."""

    kind = "auth"
    exit_code = ExitCode.CREDENTIALS


class PermissionDenied(ProviderError):
    """The key is good but may not do this."""

    kind = "permission"
    exit_code = ExitCode.CREDENTIALS


class BillingError(ProviderError):
    """The account has no credit or its quota is used up."""

    kind = "billing"
    exit_code = ExitCode.LIMIT


class RateLimitError(ProviderError):
    """Too many requests or tokens for now."""

    kind = "rate_limit"
    exit_code = ExitCode.LIMIT
    retryable = True


class NetworkError(ProviderError):
    """No connection, or it broke before anything was received."""

    kind = "network"
    exit_code = ExitCode.NETWORK


class TimedOut(ProviderError):
    """One of the clocks ran out before any content arrived."""

    kind = "timeout"
    exit_code = ExitCode.NETWORK


class ServerError(ProviderError):
    """The provider is broken or overloaded."""

    kind = "server"
    exit_code = ExitCode.PROVIDER
    retryable = True


class ProtocolError(ProviderError):
    """The answer is not what the API promises: HTML, a redirect, garbled frames, nothing at all."""

    kind = "protocol"
    exit_code = ExitCode.PROVIDER


class IncompleteError(ProviderError):
    """The answer started and did not finish; what arrived was shown and is kept."""

    kind = "incomplete"
    exit_code = ExitCode.INCOMPLETE

    @classmethod
    def of(cls, error: ProviderError) -> IncompleteError:
        """The same failure, seen after part of the answer had arrived."""
        found = cls(
            error.message,
            http_status=error.http_status,
            code=error.code,
            request_id=error.request_id,
            retry_after=error.retry_after,
        )
        found.provider, found.model = error.provider, error.model
        return found


class BadRequest(ProviderError):
    """The provider rejected the request as it is; sending it again does not help."""

    kind = "bad_request"
    exit_code = ExitCode.REJECTED


class NotFound(BadRequest):
    """The model or the path does not exist at the provider."""

    kind = "not_found"


class ContextTooLong(BadRequest):
    """The prompt is longer than the model's context."""

    kind = "context_length"


class ContentFiltered(ProviderError):
    """The provider refused or filtered the answer and sent nothing."""

    kind = "content_filter"
    exit_code = ExitCode.REJECTED


Failure: TypeAlias = LlmError | Interrupted
