"""Calls signed with AWS credentials: the signature, where credentials come from, what leaks."""

from __future__ import annotations

import hashlib
import hmac
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import botocore.auth
import pytest
from behaviour import PROMPT
from event_frames import events
from support import Llm

from llmcli import keys, registry
from llmcli.adapters.bedrock import Bedrock
from llmcli.cards import Card, load, user_shelf
from llmcli.errors import AuthError, ConfigError, CredentialsError, ServerError
from llmcli.events import Finish
from llmcli.http import Http
from llmcli.keys import aws
from llmcli.messages import Request
from llmcli.provider import HttpProvider
from llmcli.redaction import Secret, redact

# The example pair of Amazon's own documentation.
ACCESS = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjCANARY//////////wEaCXVzLWVhc3QtMSJ="
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ARN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123def456"
NOON = datetime(2026, 11, 21, 12, 0, 0)
ANSWER = events(
    [
        ("messageStart", '{"role":"assistant"}'),
        ("contentBlockDelta", '{"contentBlockIndex":0,"delta":{"text":"hello"}}'),
        ("messageStop", '{"stopReason":"end_turn"}'),
        ("metadata", '{"usage":{"inputTokens":1,"outputTokens":2}}'),
    ]
)


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """None of the machine's own, and no search for a machine that hands some out."""
    import os

    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws-credentials"))


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary credentials in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)


def signature(
    method: str, url: str, headers: Mapping[str, str], body: bytes, region: str, when: str
) -> str:
    """The Authorization header by the steps of Amazon's documentation, nothing borrowed."""
    parts = urlsplit(url)
    path = quote(parts.path, safe="/-_.~")  # each segment once more, as for all but S3
    names = sorted(headers)
    canonical = "\n".join(
        [
            method,
            path,
            "&".join(sorted(parts.query.split("&"))) if parts.query else "",
            *(f"{name}:{headers[name].strip()}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(body).hexdigest(),
        ]
    )
    scope = f"{when[:8]}/{region}/bedrock/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signed = hmac.new(
        key, f"AWS4-HMAC-SHA256\n{when}\n{scope}\n{digest}".encode(), hashlib.sha256
    ).hexdigest()
    return (
        f"AWS4-HMAC-SHA256 Credential={ACCESS}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signed}"
    )


class Recorder:
    """A server on this machine that keeps the raw bytes of each request and answers it."""

    def __init__(self, status: str = "200 OK", body: bytes = ANSWER, kind: str = "") -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self._answer = (
            f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nx-amzn-errortype: {kind}\r\n\r\n"
        ).encode() + body
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as stream:
                while line := stream.readline().decode():
                    pairs = iter(lambda s=stream: s.readline().decode().strip(), "")
                    headers = {k.lower(): v for k, _, v in (pair.partition(": ") for pair in pairs)}
                    body = stream.read(int(headers.get("content-length", 0)))
                    self.requests.append((line.strip(), headers, body))
                    connection.sendall(self._answer)

    def close(self) -> None:
        """Take no more requests."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


@pytest.fixture
def server() -> Iterator[Recorder]:
    """A server that answers every call."""
    recorder = Recorder()
    yield recorder
    recorder.close()


def card(url: str, **more: Any) -> Card:
    """A card whose calls are signed where it has no key."""
    return Card(id="b", name="B", adapter="bedrock", base_url=url, key={"aws": "bedrock"}, **more)


class TestSignature:
    """What a signed call carries."""

    @pytest.mark.parametrize("token", [TOKEN, ""])
    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("POST", f"/model/{quote(MODEL, safe='')}/converse", b'{"messages":[]}'),
            ("POST", f"/model/{quote(ARN, safe='')}/converse-stream", "é🌍".encode()),
            ("GET", "/inference-profiles?maxResults=1000&type=SYSTEM_DEFINED", b""),
        ],
    )
    def test_by_the_documentation(
        self, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: bytes, token: str
    ) -> None:
        """At a fixed time it is the one that the published algorithm gives."""
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        monkeypatch.setenv("AWS_SESSION_TOKEN", token)
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: NOON)
        url = f"https://bedrock-runtime.eu-west-3.amazonaws.com{path}"
        given = {"content-type": "application/json", "accept": "x", "user-agent": "llmcli/0"}
        found = {
            name.lower(): value.reveal() if isinstance(value, Secret) else value
            for name, value in aws.signer("bedrock")(method, url, given, body).items()
        }
        signed = {
            "content-type": "application/json",
            "host": "bedrock-runtime.eu-west-3.amazonaws.com",
            "x-amz-date": "20261121T120000Z",
            **({"x-amz-security-token": token} if token else {}),
        }
        expected = signature(method, url, signed, body, "eu-west-3", "20261121T120000Z")
        assert found.pop("authorization") == expected
        assert found == {k: v for k, v in signed.items() if k.startswith("x-amz-")}

    @pytest.mark.parametrize(("model", "encoded"), [(MODEL, "%3A0"), (ARN, "%2Fabc123def456")])
    def test_on_the_wire(
        self,
        monkeypatch: pytest.MonkeyPatch,
        credentials: None,
        server: Recorder,
        model: str,
        encoded: str,
    ) -> None:
        """The path arrives as it was signed, and the headers and bytes too."""
        monkeypatch.setenv("AWS_REGION", "us-west-2")
        provider = HttpProvider(
            card(server.url), None, Bedrock(), signer=keys.signer(card(server.url))
        )
        seen = list(provider.stream(Request(model, (PROMPT,))))
        provider.close()
        assert isinstance(seen[-1], Finish)
        ((line, headers, body),) = server.requests
        path = line.split(" ")[1]
        assert path == f"/model/{quote(model, safe='')}/converse-stream"
        assert encoded in path
        given = headers["authorization"]
        names = given.split("SignedHeaders=")[1].partition(",")[0].split(";")
        assert names == ["content-type", "host", "x-amz-date", "x-amz-security-token"]
        chosen = {name: headers[name] for name in names}
        assert given == signature(
            "POST", server.url + path, chosen, body, "us-west-2", headers["x-amz-date"]
        )

    def test_each_try_is_signed_anew(
        self, monkeypatch: pytest.MonkeyPatch, credentials: None
    ) -> None:
        """A signature is good for five minutes; a retry may come later than its first try."""
        monkeypatch.setenv("AWS_REGION", "us-west-2")
        recorder = Recorder("503 Busy", b"{}")
        times = iter([NOON, NOON.replace(hour=13)])
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: next(times))
        here = card(recorder.url, backoff=0.0, retries=1)
        provider = HttpProvider(here, None, Bedrock(), signer=keys.signer(here))
        with pytest.raises(ServerError):
            list(provider.stream(Request("m", (PROMPT,))))
        provider.close()
        recorder.close()
        first, second = (headers for _, headers, _ in recorder.requests)
        assert (first["x-amz-date"], second["x-amz-date"]) == (
            *("20261121T120000Z", "20261121T130000Z"),
        )
        assert first["authorization"] != second["authorization"]

    def test_hook_sees_what_is_sent(self, server: Recorder) -> None:
        """Method, URL, the headers of the wire and the bytes; what it adds is sent."""
        told: list[Any] = []

        def sign(*call: Any) -> dict[str, str | Secret]:
            told.append(call)
            return {"X-Signed": Secret("yes-1234")}

        client = Http(Card(id="x", name="x", adapter=""), sign=sign)
        url = server.url + "/a%2Fb%3Ac"
        client.open("POST", url, {"Key": Secret("k-1234")}, {"é": 1}).close()
        client.close()
        ((method, address, headers, body),) = told
        assert (method, address, body) == ("POST", url, '{"é":1}'.encode())
        assert headers["key"] == "k-1234"
        assert headers["user-agent"].startswith("llmcli/")
        ((line, sent, received),) = server.requests
        assert line == "POST /a%2Fb%3Ac HTTP/1.1"
        assert (sent["x-signed"], received) == ("yes-1234", body)

    @pytest.mark.parametrize(
        ("host", "region"),
        [
            ("bedrock-runtime.eu-central-1.amazonaws.com", "eu-central-1"),
            ("bedrock.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
            ("bedrock-runtime.us-east-2.api.aws", "us-east-2"),
            ("bedrock-runtime-fips.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("vpce-0a1-b2.bedrock-runtime.ap-south-1.vpce.amazonaws.com", "ap-south-1"),
            ("127.0.0.1", "from-env-9"),
        ],
    )
    def test_region(self, monkeypatch: pytest.MonkeyPatch, host: str, region: str) -> None:
        """It is in the address; only where it is not, the environment says it."""
        monkeypatch.setenv("AWS_DEFAULT_REGION", "from-env-9")
        assert aws.region_of(f"https://{host}/x") == region

    def test_no_region(self) -> None:
        """There is nothing to guess."""
        with pytest.raises(ConfigError, match="region"):
            aws.region_of("https://gateway.example/x")


class TestCredentials:
    """Where credentials come from, and what is said when there are none."""

    def test_variables(self, credentials: None) -> None:
        """They are found, named by their source, and known to the redaction."""
        signer = aws.signer("bedrock")
        assert signer.source == "AWS credentials (env)"
        signer("GET", "https://bedrock.us-east-1.amazonaws.com/x", {}, b"")
        assert redact(f"{SECRET} {TOKEN}") == "[redacted] [redacted]"

    def test_profile(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """A profile of the shared files."""
        text = f"[work]\naws_access_key_id = {ACCESS}\naws_secret_access_key = {SECRET}\n"
        (tmp_path / "aws-credentials").write_text(text)
        monkeypatch.setenv("AWS_PROFILE", "work")
        assert aws.signer("bedrock").source == "AWS credentials (shared-credentials-file)"

    def test_profile_that_is_not_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What botocore says is told."""
        monkeypatch.setenv("AWS_PROFILE", "nobody")
        with pytest.raises(CredentialsError, match=r"config profile \(nobody\)"):
            aws.signer("bedrock")

    def test_none(self) -> None:
        """The ways out are all there: a key, and a signature."""
        with pytest.raises(CredentialsError) as caught:
            registry.open_provider("bedrock")
        text = f"{caught.value.message}\n{caught.value.hint}"
        assert text.count("\n") <= 2
        for word in ("no key", "no AWS credentials", "AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE"):
            assert word in text
        assert "llmcli[bedrock]" in text

    def test_without_the_extra(self, monkeypatch: pytest.MonkeyPatch, credentials: None) -> None:
        """Credentials are of no use then: the card counts as having none, and says why."""
        monkeypatch.setattr(aws, "find_spec", lambda name: None)
        with pytest.raises(CredentialsError, match=r"extra .* is not installed"):
            registry.open_provider("bedrock")
        assert "bedrock" not in [found.id for found in registry.configured()]

    def test_search_that_hangs(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """A program that never gives the credentials costs only so long."""
        text = f"[default]\ncredential_process = {sys.executable} -c 'import time; time.sleep(9)'\n"
        (tmp_path / "aws-config").write_text(text)
        monkeypatch.setattr(aws, "SECONDS", 0.5)
        begun = time.monotonic()
        with pytest.raises(CredentialsError, match=r"no answer within 0\.5 s"):
            aws.signer("bedrock")
        assert time.monotonic() - begun < 5

    def test_credentials_that_cannot_be_renewed(self) -> None:
        """Found once and gone now: a plain error and nothing sent."""

        class Gone:
            method = "sso"

            def get_frozen_credentials(self) -> None:
                raise RuntimeError("the session has expired")

        with pytest.raises(CredentialsError, match="session has expired"):
            aws.Signer("bedrock", Gone())("GET", "https://b.us-east-1.amazonaws.com", {}, b"")


class TestChoice:
    """A key goes before credentials, and credentials alone choose nothing."""

    def test_key_goes_first(self, monkeypatch: pytest.MonkeyPatch, credentials: None) -> None:
        """With a key nothing is signed."""
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-1234")
        provider = registry.open_provider("bedrock")
        provider.close()
        assert isinstance(provider, HttpProvider)
        assert provider.key is not None
        assert provider.signer is None

    def test_credentials_sign(self, credentials: None) -> None:
        """Without one the shipped card signs."""
        provider = registry.open_provider("bedrock")
        provider.close()
        assert isinstance(provider, HttpProvider)
        assert provider.key is None
        assert provider.signer is not None

    def test_preview_needs_no_credentials(self) -> None:
        """What would be sent is shown without a signature, so nothing of it can leak."""
        provider = registry.open_provider("bedrock", key_needed=False)
        preview = provider.preview(Request("m", (PROMPT,)))
        provider.close()
        assert "POST https://bedrock-runtime.us-east-1.amazonaws.com/model/m/" in preview
        assert "AWS4" not in preview

    def test_counts_are_signed(self, monkeypatch: pytest.MonkeyPatch, credentials: None) -> None:
        """`llm tokens` opens a provider that may count without a key; this one cannot."""
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        recorder = Recorder(body=b'{"inputTokens": 7}')
        provider = registry.open_provider(card(recorder.url), key_needed=False)
        assert isinstance(provider, HttpProvider)
        assert provider.count_tokens(Request("m", (PROMPT,))) == 7
        provider.close()
        recorder.close()
        ((_, headers, _),) = recorder.requests
        assert headers["authorization"].startswith("AWS4-HMAC-SHA256 ")

    def test_no_clear_text(self, credentials: None) -> None:
        """A session token is not sent where it could be read."""
        user_shelf().mkdir(parents=True)
        (user_shelf() / "bedrock.toml").write_text('base_url = "http://10.1.2.3"\n')
        with pytest.raises(CredentialsError, match=r"AWS credentials \(env\)\) was not sent"):
            registry.open_provider("bedrock")

    def test_refused(self, monkeypatch: pytest.MonkeyPatch, credentials: None) -> None:
        """The error says with what the call was signed; the token it quotes is masked."""
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        said = f'{{"message":"The Canonical String should have been x-amz-security-token:{TOKEN}"}}'
        recorder = Recorder("403 Forbidden", said.encode(), "InvalidSignatureException")
        here = card(recorder.url)
        provider = HttpProvider(here, None, Bedrock(), signer=keys.signer(here))
        with pytest.raises(AuthError, match="Canonical") as caught:
            list(provider.stream(Request("m", (PROMPT,))))
        provider.close()
        recorder.close()
        assert "AWS credentials (env)" in caught.value.hint
        assert TOKEN not in str(caught.value)

    def test_region_of_the_card(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """AWS_REGION, then AWS_DEFAULT_REGION, then one that has every model."""
        found = load("bedrock")
        assert found is not None
        hosts = [registry.expanded(found).base_url]
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        hosts.append(registry.expanded(found).base_url)
        monkeypatch.setenv("AWS_REGION", "eu-west-2")
        hosts.append(registry.expanded(found).base_url)
        assert [host.split(".")[1] for host in hosts] == ["us-east-1", "eu-west-1", "eu-west-2"]


class TestCommand:
    """The command line sees credentials without loading botocore."""

    def test_keys_where(self, llm: Llm) -> None:
        """The row is there, used when a variable names credentials and no key does."""
        row = llm("keys", "where", "bedrock").text.splitlines()[-2]
        assert row == "bedrock\tAWS credentials\tabsent"
        env = {"AWS_PROFILE": "work"}
        row = llm("keys", "where", "bedrock", env=env).text.splitlines()[-2]
        assert row == "bedrock\tAWS credentials (env AWS_PROFILE)\tused"
        rows = llm("keys", "where", "bedrock", env={**env, "AWS_BEARER_TOKEN_BEDROCK": "k"}).text
        assert "bedrock\tenv AWS_BEARER_TOKEN_BEDROCK\tused" in rows
        assert "bedrock\tAWS credentials (env AWS_PROFILE)\tpresent" in rows

    def test_credentials_choose_no_default(self, llm: Llm) -> None:
        """They are there for anything at AWS, so they are no wish to ask a model there."""
        plain = llm("hi")
        there = llm("hi", env={"AWS_PROFILE": "work"})
        assert (there.code, there.err) == (plain.code, plain.err)
        listed = llm("providers", "list", env={"AWS_PROFILE": "work"}).text
        assert "bedrock" in listed

    def test_lists_do_not_load_botocore(self, llm: Llm) -> None:
        """Nothing but a signature needs it."""
        code = (
            "import sys; sys.argv = ['llm', 'keys', 'where', 'bedrock']\n"
            "from llmcli.cli import run\n"
            "leave = run._leave\n"
            "def told(code):\n"
            "    print('botocore' in sys.modules, file=sys.stderr); leave(code)\n"
            "run._leave = told\n"
            "from llmcli.cli import main; main()\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**llm.env, "AWS_PROFILE": "work"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr.strip() == "False"
