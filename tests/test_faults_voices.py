"""Rows 23, 27, 28, 31 and 36 to 46 in every wire format, adapter and decoder alone."""

from __future__ import annotations

import itertools
import json
import struct
import zlib
from typing import Any

import pytest
from faults import OSC
from faults_stream import SEPARATORS
from hearing import each, hear, said
from spoken import PARTIAL
from voices import NAMES, SSE, VOICES
from voices.bedrock import Bedrock, pack

from llmcli.errors import ProtocolError, ServerError

voice = pytest.mark.parametrize("name", NAMES)
lines = pytest.mark.parametrize("name", [name for name in NAMES if name != "bedrock"])


@voice
def test_a_good_answer(name: str) -> None:
    heard = hear(name, [VOICES[name]().answer()])
    said(heard)
    assert heard.notices == []
    assert heard.usage is not None
    assert heard.usage[:2] == (9, 5)


@voice
@pytest.mark.parametrize("body", [b"", b"\n", b"null", b"{}", b"[]", b"7", b'"text"', b"<html>"])
@pytest.mark.parametrize("stream", [True, False])
def test_rows_23_and_27_what_is_no_answer(name: str, body: bytes, stream: bool) -> None:
    """Nothing at all, JSON that says nothing, and a page are failures and not empty answers."""
    heard = hear(name, [body], stream=stream)
    assert isinstance(heard.error, ProtocolError)
    assert heard.error.message


@voice
def test_row_23_only_signs_of_life(name: str) -> None:
    heard = hear(name, [VOICES[name]().keepalive() * 3])
    assert isinstance(heard.error, ProtocolError)


@voice
@pytest.mark.parametrize("stream", [True, False])
def test_row_28_a_whole_body(name: str, stream: bool) -> None:
    """It means the same whether or not a stream was asked for, indented or not."""
    body = VOICES[name]().whole()
    for data in (json.dumps(body), json.dumps(body, indent=2) + "\n"):
        if name == "ollama" and stream and "\n" in data:
            continue  # a line is a value there
        heard = hear(name, [data.encode()], stream=stream)
        said(heard)
        assert heard.usage is not None
        assert heard.usage[:2] == (9, 5)


@voice
def test_row_31_signs_of_life_say_nothing(name: str) -> None:
    spoken = VOICES[name]()
    begin, *pieces = spoken.texts()
    told = itertools.chain(*((spoken.keepalive(), piece) for piece in pieces))
    said(hear(name, [begin, *told, spoken.keepalive(), spoken.ends()]))


@voice
def test_row_36_no_end(name: str) -> None:
    heard = hear(name, [VOICES[name]().partial()])
    assert heard.text == PARTIAL
    assert isinstance(heard.error, ProtocolError)
    assert "end" in heard.error.message


@voice
def test_row_38_no_blank_line_at_the_end(name: str) -> None:
    spoken = VOICES[name]()
    data = b"".join([*spoken.texts(), spoken.finish()])
    said(hear(name, [data[: len(data) - spoken.gap]]))


@voice
@pytest.mark.parametrize("later", [False, True])
def test_row_39_cut_json(name: str, later: bool) -> None:
    spoken = VOICES[name]()
    begin = spoken.partial() if later else spoken.begin()
    kind = "contentBlockDelta" if name == "bedrock" else ""
    broken = spoken.frame(b'{"id": "x", "choi', kind)
    heard = hear(name, [begin, broken, *spoken.texts(), spoken.ends()])
    assert heard.text == (PARTIAL if later else "")
    assert isinstance(heard.error, ProtocolError)


def _spellings(plain: bytes) -> dict[str, bytes]:
    plain = plain.replace(b"\r\n", b"\n")
    parts = plain.split(b"\n")
    mixed = b"".join(part + (b"\n", b"\r", b"\r\n")[i % 3] for i, part in enumerate(parts))
    return {
        "cr": plain.replace(b"\n", b"\r"),
        "crlf": plain.replace(b"\n", b"\r\n"),
        "lf": plain,
        "mixed": mixed,
        "bom": b"\xef\xbb\xbf" + plain,
        "comments": b": hi\n\n" + plain.replace(b"\n\n", b"\n: data: no\n\n:\n\n"),
        "fields": plain.replace(b"data:", b"id: 7\nretry: 5\nfoo: bar\nnocolon\ndata:"),
        "no-space": plain.replace(b"data: ", b"data:").replace(b"event: ", b"event:"),
        "multi-line": plain.replace(b"data: {", b"data: {\ndata: "),
        "blank-first": b"\n\n\r\n" + plain,
        "unnamed": b"".join(p + b"\n" for p in parts if not p.startswith(b"event:")),
    }


@pytest.mark.parametrize("name", SSE)
@pytest.mark.parametrize("spelling", _spellings(b""))
def test_row_40_legal_spellings_of_a_stream(name: str, spelling: str) -> None:
    """Also without the names of events: the kind stands in the data, and proxies drop names."""
    data = _spellings(VOICES[name]().answer())[spelling]
    said(hear(name, [data[i : i + 11] for i in range(0, len(data), 11)]))


@pytest.mark.parametrize("end", [b"\r\n", b"\n\n", b" \n"])
def test_row_40_legal_spellings_of_lines(end: bytes) -> None:
    said(hear("ollama", [VOICES["ollama"]().answer().replace(b"\n", end)]))


def _with_sum(frame: bytes) -> bytes:
    return frame + struct.pack(">I", zlib.crc32(frame))


def _broken_frames() -> dict[str, bytes]:
    good = Bedrock().says("no")
    longest = struct.pack(">II", 0xFFFFFFFF, 4)
    return {
        "prelude": good[:8] + bytes([good[8] ^ 1]) + good[9:],
        "prelude-alone": _with_sum(good[:8] + b"\0\0\0\0" + good[12:-4]),
        "message": good[:-1] + bytes([good[-1] ^ 1]),
        "payload": good[:60] + bytes([good[60] ^ 1]) + good[61:],
        "length": b"\0\0\0\x05" + good[4:],
        "headers": good[:4] + b"\0\0\xff\xff" + good[8:],
        "largest": longest + struct.pack(">I", 0) + b"x" * 100,
        "header": pack({":message-type": "event"}, b"{}", b"\x03abc\x63"),
        "short-header": pack({":message-type": "event"}, b"{}", b"\x03abc\x07\xff\xff"),
        "text": b"data: {}\n\n",
    }


@pytest.mark.parametrize("kind", _broken_frames())
def test_row_39_broken_frames(kind: str) -> None:
    """A frame whose sums or lengths are wrong is a failure, whatever was said before."""
    spoken = Bedrock()
    heard = hear("bedrock", [spoken.partial(), _broken_frames()[kind], spoken.ends()])
    assert heard.text == PARTIAL
    assert isinstance(heard.error, ProtocolError)


@voice
def test_row_41_line_separators_inside_json(name: str) -> None:
    said(hear(name, [VOICES[name]().answer([SEPARATORS])]), SEPARATORS)


@voice
@pytest.mark.parametrize("size", [1, 3])
def test_row_42_a_byte_at_a_time(name: str, size: int) -> None:
    data = VOICES[name]().answer()
    said(hear(name, [data[i : i + size] for i in range(0, len(data), size)]))


@voice
@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (["<", "\ud83c", "\udf0d", ">"], "<\U0001f30d>"),
        (["<\ud83c", "\udf0d>"], "<\U0001f30d>"),
        (["<", "\ud83c", ">"], "<\ufffd>"),
        (["<\udf0d>"], "<\ufffd>"),
        (["<", "\ud83c"], "<\ufffd"),
    ],
)
def test_row_43_surrogates(name: str, pieces: list[str], text: str) -> None:
    """Halves of a character are joined over frames; one alone becomes U+FFFD."""
    spoken = VOICES[name]()
    spoken.escaped = True
    said(hear(name, [spoken.answer(pieces)]), text)
    spoken = VOICES[name]()
    spoken.escaped = True
    thoughts = b"".join(map(spoken.thinks, pieces))
    heard = hear(name, [spoken.begin() + thoughts + spoken.says("ok") + spoken.ends()])
    assert (heard.reasoning, heard.text, heard.finish) == (text, "ok", "stop")


@lines
def test_row_44_invalid_utf8(name: str) -> None:
    """The broken byte becomes U+FFFD, and one notice says so."""
    spoken = VOICES[name]()
    broken = spoken.begin() + b"".join(map(spoken.says, ["good ", "caf?!", "caf?!"]))
    heard = hear(name, [broken.replace(b"?!", b"\xe9!"), spoken.says(" good") + spoken.ends()])
    said(heard, "good caf\ufffd!caf\ufffd! good")
    assert len(heard.notices) == 1
    assert "UTF-8" in heard.notices[0]


def test_row_44_invalid_utf8_in_a_frame() -> None:
    spoken = Bedrock()
    payload = spoken.json({"contentBlockIndex": 0, "delta": {"text": "caf?!"}})
    bad = spoken.frame(payload.replace(b"?", b"\xe9"), "contentBlockDelta")
    heard = hear("bedrock", [spoken.begin() + bad + spoken.ends()])
    said(heard, "caf\ufffd!")
    assert len(heard.notices) == 1


@each("errors")
def test_row_45_error_before_content(name: str, kind: str) -> None:
    """A failure that may be tried again, with the server's message made harmless."""
    heard = hear(name, [VOICES[name]().errors(f"MARK broke {OSC}")[kind]])
    assert heard.error
    assert "MARK broke" in heard.error.message
    assert heard.error.message.isprintable()
    assert heard.error.retryable
    assert heard.error.exit_code in (5, 7)


@each("errors")
def test_row_45_error_mid_stream(name: str, kind: str) -> None:
    spoken = VOICES[name]()
    heard = hear(name, [spoken.partial(), spoken.errors("MARK broke")[kind]])
    assert heard.text == PARTIAL
    assert heard.error
    assert "MARK broke" in heard.error.message


@voice
def test_row_45_error_as_the_whole_body(name: str) -> None:
    body = VOICES[name]().json(VOICES[name]().failure("MARK broke"))
    for stream in (True, False):
        heard = hear(name, [body], stream=stream)
        assert isinstance(heard.error, ServerError)
        assert "MARK broke" in heard.error.message


@voice
def test_row_46_giant_frame(name: str) -> None:
    """It is given up while it comes, long before it is whole."""
    spoken, read = VOICES[name](), 0

    def endless() -> Any:
        nonlocal read
        yield spoken.partial()
        yield struct.pack(">I", 1 << 30) if name == "bedrock" else spoken.says("")[:40]
        for _ in range(800):
            read += 1 << 16
            yield b"x" * (1 << 16)

    heard = hear(name, endless())
    assert heard.text == PARTIAL
    assert isinstance(heard.error, ProtocolError)
    assert read <= 2 << 20
