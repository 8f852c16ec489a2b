"""The key is nowhere after a chat with a server that says it back: screen, files, exports."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import wire
from chatting import SENT, ChatServer, Talk
from fault_server import FAULTS, Exchange
from support import KEY, Llm

FORMS = (KEY, KEY[4:], base64.b64encode(KEY.encode()).decode().rstrip("="), KEY.encode().hex())
SAID_BACK = ("echo:401", "echo:500", "hostile", "key-in-stream")
COMMANDS = ("/usage", "/context", "/file", "/system", "/export talk.md", "/export talk.html")
OTHERS = (
    ("history", "show"),
    ("history", "show", "--json"),
    ("history", "show", "--tree"),
    ("history", "list"),
    ("history", "search", "key"),
    ("history", "last"),
    ("__complete", "conversations", ""),
)


def _in_call(exchange: Exchange) -> None:
    """A tool call with the caller's key in its name and in its arguments."""
    seen = exchange.request.headers.get("authorization", "")
    function = {"name": KEY, "arguments": f'{{"key": "{seen}"}}'}
    call = {"index": 0, "id": "c1", "type": "function", "function": function}
    calls = wire.event(wire.chunk({"tool_calls": [call]}))
    exchange.stream(calls, wire.ends("tool_calls"), wire.DONE)


def _in_stream(exchange: Exchange) -> None:
    """Half an answer, then an error with the caller's key."""
    seen = exchange.request.headers.get("authorization", "")
    exchange.stream(wire.says("half"), wire.event({"error": {"message": seen, "code": seen}}))


FAULTS["key-in-call"] = _in_call
FAULTS["key-in-stream"] = _in_stream


def found(text: str | bytes) -> list[str]:
    """The forms of the key that stand in it."""
    data = text.encode() if isinstance(text, str) else text
    return [form for form in FORMS if form.encode() in data]


def holders(llm: Llm) -> list[Path]:
    """The files that have it."""
    return [path for path in llm.files() if found(path.read_bytes())]


def said(chat: Talk, *lines: str) -> str:
    """Send these lines; all that was written."""
    written = ""
    for line in lines:
        chat.child.send(f"{line}\r")
        written += chat.written(SENT) + chat.written()
        chat.child.sendintr()  # what came back into the editor
    return written


def test_row_s8_what_is_said_back_in_a_chat(llm: Llm, chats: ChatServer) -> None:
    """Neither on the screen, nor in a menu, the toolbar, or any file."""
    chat = Talk(llm, "-v", "--debug")
    written = chat.written() + said(chat, *SAID_BACK, "well", *COMMANDS)
    for keys in ("/model \t", "/load \t", "/edit \t", "/copy \t"):
        chat.type(keys)
    written += chat.leave()
    assert {one.headers.get("authorization") for one in chats.requests()} == {f"Bearer {KEY}"}
    assert written.count("[redacted]") >= len(SAID_BACK)
    assert not found(written)
    assert not holders(llm)
    assert (llm.root / "talk.html").exists()


def test_what_is_said_is_kept_and_masked_where_it_is_shown(llm: Llm, chats: ChatServer) -> None:
    """A prompt and an answer stay what they are, in the history only; none shows the key.

    It stands in the very first prompt, before it was ever used.
    """
    chat = Talk(llm).begin()
    said(chat, f"my key is {KEY}, is it a good one?")
    written = said(chat, "key-in-call", "/context", "/export talk.md", "/export talk.html", "/undo")
    chat.leave()
    assert "tool call [redacted]" in written
    assert not found(written)
    assert {path.name.partition("-")[0] for path in holders(llm)} == {"history.db"}
    for words in OTHERS:
        result = llm(*words)
        shown = result.text + result.err
        assert "[redacted]" in shown, words
        assert not found(shown), words


def test_no_key_in_the_environment_of_a_clipboard_program(llm: Llm, chats: ChatServer) -> None:
    """It stays behind for hours to serve what was copied. The rest of the environment it has."""
    tools = llm.root / "tools"
    tools.mkdir()
    script = tools / "xclip"
    script.write_text(f'#!/bin/sh\n{{ env; echo "$*"; }} > {llm.root}/seen\ncat > /dev/null\n')
    script.chmod(0o700)
    path = f"{tools}{os.pathsep}{llm.env['PATH']}"
    chat = Talk(llm, env={"PATH": path, "DISPLAY": ":7", "OTHER_TOKEN": "0123456789abcdef"}).begin()
    chat.say("hello")
    assert "by xclip" in chat.say("/copy")
    chat.leave()
    seen = (llm.root / "seen").read_text()
    assert "DISPLAY=:7\n" in seen
    assert f"HOME={llm.env['HOME']}\n" in seen
    assert "0123456789abcdef" not in seen
    assert not found(seen)
