"""S11, S13, S14, S15 in every wire format: a key goes where it was stored for, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from expect import failed
from fault_server import FaultServer
from keyring_support import with_keyring
from loopback import Asked, Loopback
from running import Result
from serving import Handler, Serving
from support import KEY, Llm, write_card
from voices import NAMES, VOICES

CALLS = (
    ("-m", "lab/m", "hi"),
    ("tokens", "-m", "lab/m", "hi"),
    ("embed", "-m", "lab/m", "hi"),
    ("models", "list", "--refresh", "--provider", "lab"),
    ("providers", "models", "lab"),
    ("providers", "test", "lab"),
    ("doctor", "lab"),
)
COUNTED = {"openai-responses": {"dialect": {"input_tokens": True}}}
AWS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYCANARYKEY",
    "AWS_REGION": "us-east-1",
}


def _nothing(_: Asked) -> tuple[int, Any]:
    return 404, {"error": {"message": "no"}}


@pytest.fixture
def lab(llm: Llm) -> Llm:
    """The command with a keyring that works."""
    return with_keyring(llm)


@pytest.fixture
def here() -> Iterator[Loopback]:
    """The server the key was stored for."""
    with Loopback(_nothing) as server:
        yield server


@pytest.fixture
def elsewhere() -> Iterator[Loopback]:
    """Another server."""
    with Loopback(_nothing) as server:
        yield server


def _point(lab: Llm, voice: str, url: str, **card: Any) -> None:
    fields = {"adapter": voice, "key_env": ["LAB_KEY"], "retries": 0, **COUNTED.get(voice, {})}
    write_card(lab, url, "lab", **{**fields, **card})
    lab.env.pop("FS_KEY", None)


def _base(server: Loopback, voice: str) -> str:
    return server.url.removesuffix("/v1") + VOICES[voice].base


def _store(lab: Llm) -> None:
    assert lab("keys", "set", "lab", input=KEY.encode()).code == 0


def _all(llm: Llm, calls: Sequence[tuple[str, ...]] = CALLS) -> Iterator[tuple[Any, Result]]:
    """Each call with its result, a few at the same time."""
    with ThreadPoolExecutor(3) as pool:
        yield from zip(calls, pool.map(lambda call: llm(*call), calls), strict=True)


def _sent_key(server: Loopback) -> bool:
    return any(KEY in json.dumps(asked.headers) + asked.path for asked in server.asked)


@pytest.mark.parametrize("voice", NAMES)
def test_row_s11_a_variable_that_leads_elsewhere(
    lab: Llm, here: Loopback, elsewhere: Loopback, voice: str
) -> None:
    """The key goes to the first server and not to the second, whatever is asked of it."""
    _point(lab, voice, "${LAB_HOST}")
    lab.env["LAB_HOST"] = _base(here, voice)
    _store(lab)
    lab(*CALLS[0])
    assert _sent_key(here)
    lab.env["LAB_HOST"] = _base(elsewhere, voice)
    for call, result in _all(lab):
        assert result.code in (2, 4), (call, result)
        assert KEY not in result.text + result.err
    assert elsewhere.asked == []


@pytest.mark.parametrize("voice", NAMES)
def test_row_s11_an_adapter_with_an_address_of_its_own(
    lab: Llm, here: Loopback, elsewhere: Loopback, voice: str
) -> None:
    """A model that is asked through another adapter gets no key of the card's own address."""
    other = "openai-chat" if voice != "openai-chat" else "anthropic"
    _point(
        lab,
        other,
        _base(here, other),
        dialect=None,
        adapters={voice: {"base_url": _base(elsewhere, voice), **COUNTED.get(voice, {})}},
        models={"m": {"adapter": voice}},
    )
    _store(lab)
    for call, result in _all(lab, CALLS[:3]):
        assert result.code in (2, 4), (call, result)
    assert elsewhere.asked == []


def test_row_s11_another_region(lab: Llm) -> None:
    """A key for Bedrock in one region is not sent to another, and botocore is not asked instead."""
    lab.env["AWS_REGION"] = "us-east-1"
    assert lab("keys", "set", "bedrock", input=KEY.encode()).code == 0
    lab.env["AWS_REGION"] = "eu-west-1"
    refresh = ("models", "list", "--refresh", "--provider", "bedrock")
    for call in (("-m", "bedrock/m", "hi"), refresh):
        result = lab(*call, env={"AWS_EC2_METADATA_DISABLED": "true"})
        failed(result, 4, "us-east-1", "not sent to")


@pytest.mark.parametrize(
    ("voice", "status"),
    [*((voice, 307) for voice in NAMES), *(("openai-chat", status) for status in (301, 302, 308))],
)
def test_row_s13_redirects(
    llm: Llm, here: Loopback, elsewhere: Loopback, voice: str, status: int
) -> None:
    """The second server sees nothing, and the error says where it was to go."""
    with _Redirects(status, elsewhere.url) as server:
        _point(llm, voice, server.host + VOICES[voice].base)
        llm.env["LAB_KEY"] = KEY
        for call in CALLS if status == 307 else CALLS[3:4]:
            result = llm(*call)
            if server.count:
                assert result.code == 7, (call, result)
                assert "never followed" in result.err + result.text
            server.count = 0
    assert elsewhere.asked == []


class _Elsewhere(Handler["_Redirects"]):
    def answer(self) -> None:
        self.owner.count += 1
        self.body()
        self.send(self.owner.status, b"", "text/plain", location=self.owner.target + self.path)


class _Redirects(Serving):
    """Sends everything elsewhere."""

    handler = _Elsewhere

    def __init__(self, status: int, target: str) -> None:
        self.count, self.status, self.target = 0, status, target
        super().__init__()


@pytest.mark.parametrize("caller", [*NAMES, "signed"])
def test_row_s14_plain_http(llm: Llm, faults: FaultServer, caller: str) -> None:
    """No adapter's header goes to another machine in clear, through a proxy either."""
    voice = "bedrock" if caller == "signed" else caller
    signed = {"key": {"aws": "bedrock"}, "key_env": []} if caller == "signed" else {}
    _point(llm, voice, "http://10.1.2.3" + VOICES[voice].base, **signed)
    llm.env |= AWS if signed else {"LAB_KEY": KEY}
    llm.env["HTTP_PROXY"] = f"http://127.0.0.1:{faults.port}"
    for call, result in _all(llm):
        assert result.code in (2, 4), (call, result)
        if result.code == 4:
            assert "could read it" in result.err + result.text
    assert not faults.connections


@pytest.mark.parametrize("voice", NAMES)
def test_row_s15_loopback_is_never_proxied(
    llm: Llm, faults: FaultServer, here: Loopback, voice: str
) -> None:
    """Nor are lists, counts and embeddings."""
    proxy = f"http://user:pw-CANARY@127.0.0.1:{faults.port}"
    llm.env |= {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "ALL_PROXY": proxy, "LAB_KEY": KEY}
    _point(llm, voice, _base(here, voice))
    for _, result in _all(llm):
        assert "CANARY" not in result.text + result.err
    assert len(here.asked) >= 5
    assert not faults.connections
