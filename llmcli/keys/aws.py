"""The only door to botocore: AWS credentials from wherever it finds them, and signatures by them.

It is an extra, as loading it costs 0.2 s and a key needs none of it. A signature is made for each
call that is sent, after https://docs.aws.amazon.com/IAM/latest/UserGuide/
reference_sigv-create-signed-request.html (2026-11-21).
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any, TypeVar
from urllib.parse import urlsplit

from llmcli.cards import Card
from llmcli.errors import ConfigError, CredentialsError
from llmcli.keys.sources import variable_of
from llmcli.keys.values import forbid_core_dumps
from llmcli.redaction import Secret
from llmcli.sanitize import one_line

SECONDS = 20.0
_SECRET_HEADERS = frozenset({"Authorization", "X-Amz-Security-Token"})
_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE")
_REGION = re.compile(r"\.([a-z]{2}(?:-[a-z]+)+-\d+)\.")

T = TypeVar("T")


def source_of(card: Card) -> str | None:
    """Where the credentials would come from as far as variables tell; nothing is opened."""
    if not card.key.get("aws") or find_spec("botocore") is None:
        return None
    variable = variable_of(_VARIABLES)
    return f"AWS credentials (env {variable})" if variable else None


class Signer:
    """Signs calls to one AWS service with credentials that are renewed when they run out."""

    def __init__(self, service: str, credentials: Any) -> None:
        self._service = service
        self._credentials = credentials
        self.source = f"AWS credentials ({one_line(str(credentials.method), 60)})"

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, str | Secret]:
        """The headers that sign this call. Raises ConfigError, CredentialsError.

        Of the headers only those are signed that the service must find unchanged.
        """
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        kept = {k: v for k, v in headers.items() if k == "content-type" or k.startswith("x-amz-")}
        call = AWSRequest(method=method, url=url, headers=kept, data=body)
        SigV4Auth(self._frozen(), self._service, region_of(url)).add_auth(call)
        made = {name: value for name, value in call.headers.items() if name not in kept}
        Secret(made["Authorization"].rpartition("Signature=")[2])
        return {k: Secret(v) if k in _SECRET_HEADERS else v for k, v in made.items()}

    def when_refused(self, provider: str) -> str:
        """With what the refused call was signed, and what to do about it."""
        way = f"May they call this model? A key goes before them: llm keys set {provider}"
        return f"The call was signed with {self.source}.\n{way}"

    def _frozen(self) -> Any:
        """The credentials as they are now, made known to the redaction."""
        found = _within(SECONDS, self._credentials.get_frozen_credentials)
        for value in (found.access_key, found.secret_key):
            Secret(value)
        return found


def signer(service: str) -> Signer:
    """What signs calls to this service. Raises CredentialsError when there is nothing to do it."""
    if find_spec("botocore") is None:
        raise CredentialsError("the extra to sign with AWS credentials is not installed")
    credentials = _within(SECONDS, _credentials)
    if credentials is None:
        raise CredentialsError("there are no AWS credentials")
    forbid_core_dumps()
    return Signer(service, credentials)


def _credentials() -> Any:
    """The first credentials of botocore's chain: variables, profile, SSO, container, machine."""
    import logging

    from botocore.session import Session

    logging.getLogger("botocore").addHandler(logging.NullHandler())
    return Session().get_credentials()


def region_of(url: str) -> str:
    """The region that an AWS address names, else that of the environment. Raises ConfigError."""
    host = urlsplit(url).hostname or ""
    found = _REGION.search(f".{host}.")
    region = found[1] if found else None
    region = region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise ConfigError(
            f"{host} names no AWS region to sign for", hint="Set AWS_REGION, such as us-east-1."
        )
    return region


def _within(seconds: float, work: Callable[[], T]) -> T:
    """What the work returns, done in a thread that may never come back. Raises CredentialsError."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    thread = threading.Thread(target=run, name="aws credentials", daemon=True)
    thread.start()
    thread.join(seconds)
    if results:
        return results[0]
    if errors:
        words = one_line(str(errors[0]), 200) or type(errors[0]).__name__
        raise CredentialsError(f"AWS credentials: {words}") from errors[0]
    raise CredentialsError(f"AWS credentials: no answer within {seconds:g} s")
