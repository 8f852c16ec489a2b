"""What goes wrong in a chat is a line or three, and the chat goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from chatting import ChatServer, Talk, reply
from support import Llm

ERRORS = {
    "http:401": "refused the key",
    "http:429": "Rate limit reached",
    "http:500": "no luck with 500",
    "http:400": "no luck with 400",
    "quota:insufficient_quota": "exceeded your current quota",
    "banner": "HTTP",
    "hang-up": "closed",
    "empty:stream": "empty answer",
    "html:200": "not an API answer",
}


class TestErrors:
    """Each is a line or three; the words are in the editor again, and the chat goes on."""

    @pytest.mark.parametrize("fault", ERRORS)
    def test_nothing_came(
        self, fault: str, llm: Llm, chats: ChatServer, talk: Callable[..., Talk]
    ) -> None:
        chat = talk()
        written = chat.say(f"{fault} or else")
        lines = complaint(written)
        assert ERRORS[fault].lower() in " ".join(lines).lower()
        assert 1 <= len(lines) <= 3, lines
        chat.shows("or else")
        chat.child.sendintr()
        assert reply("go on") in chat.say("go on")
        chat.leave()
        assert chats.sent() == [("user", "go on")]
        assert [row["status"] for row in llm.turns()] == ["failed", "complete"]

    def test_cut_stream(self, llm: Llm, chats: ChatServer, talk: Callable[..., Talk]) -> None:
        """What came is kept and goes on."""
        chat = talk()
        lines = complaint(chat.say("no-end"))
        assert "incomplete" in lines[0]
        assert len(lines) <= 3
        chat.say("next")
        chat.leave()
        assert [role for role, _ in chats.sent()] == ["user", "assistant", "user"]
        assert [row["status"] for row in llm.turns()] == ["incomplete", "complete"]

    def test_refused_connection(self, llm: Llm, chats: ChatServer) -> None:
        chats.close()
        chat = Talk(llm).begin()
        lines = complaint(chat.say("anyone?"))
        assert "refused" in lines[0]
        assert len(lines) <= 3
        chat.shows("anyone?")
        chat.leave()

    def test_no_key(self, llm: Llm, chats: ChatServer) -> None:
        chats.provide(llm, key_env=["NOT_SET_KEY"])
        chat = Talk(llm).begin()
        lines = complaint(chat.say("open up"))
        assert "key" in lines[0]
        assert "NOT_SET_KEY" in " ".join(lines)
        assert len(lines) <= 3
        chat.shows("open up")
        chat.leave()
        assert not chats.requests()

    def test_foreign_words_are_shown_not_obeyed(self, talk: Callable[..., Talk]) -> None:
        chat = talk()
        chat.send("hostile")
        chat.child.expect_exact("52;c;aGFja2Vk")
        before = chat.child.before.decode(errors="replace")
        chat.wait()
        chat.leave()
        assert "\x1b]" not in before
        assert "\x1b[31mred" not in before

    def test_unknown_command(self, chats: ChatServer, talk: Callable[..., Talk]) -> None:
        chat = talk()
        (first, *_) = complaint(chat.say("/hlep"))
        assert "/help" in first
        chat.shows("/hlep")
        chat.leave()
        assert not chats.requests()

    def test_a_bug_of_ours(self, llm: Llm, tmp_path: Path) -> None:
        """Here one of a stranger's provider, which is all that can be made to have one."""
        site = faulty_package(tmp_path)
        card = llm.home / "config" / "providers" / "bug.toml"
        card.parent.mkdir(parents=True)
        card.write_text('adapter = "buggy"\n')
        chat = Talk(llm, "-m", "bug/m", env={"PYTHONPATH": str(site)}).begin()
        lines = complaint(chat.say("hello"))
        assert "internal error: ZeroDivisionError" in lines[0]
        assert len(lines) <= 3
        chat.shows("hello")
        chat.leave()
        assert [row["status"] for row in llm.turns()] == ["failed"]


class TestHistory:
    """A history that cannot be written is a warning."""

    def test_off(self, llm: Llm, chats: ChatServer, talk: Callable[..., Talk]) -> None:
        chat = talk("--no-log")
        chat.say("one")
        chat.say("two")
        chat.leave()
        assert [role for role, _ in chats.sent()] == ["user", "assistant", "user"]
        assert llm.turns() == []
        assert not [path for path in llm.files() if b"You said" in path.read_bytes()]

    def test_no_folder_for_it(self, llm: Llm, chats: ChatServer) -> None:
        """It is a file, so that not even root can write into it."""
        llm.home.mkdir(exist_ok=True)
        (llm.home / "data").write_text("in the way")
        chat = Talk(llm).begin()
        first, second = chat.say("one"), chat.say("two")
        chat.leave()
        assert reply("one") in first
        assert "warning" in first
        assert "Traceback" not in first + second
        assert [role for role, _ in chats.sent()] == ["user", "assistant", "user"]

    def test_full_disk(self, llm: Llm, chats: ChatServer) -> None:
        """Files end at 8 KB, less than a history needs."""
        import resource

        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))  # noqa: E731
        chat = Talk(llm, preexec_fn=limit).begin()
        first, second = chat.say("one"), chat.say("two")
        chat.leave()
        assert reply("one") in first
        assert reply("two") in second
        assert "Traceback" not in first + second
        assert [role for role, _ in chats.sent()] == ["user", "assistant", "user"]


def complaint(written: str) -> list[str]:
    """The lines from `llm:` to the next blank one, wrapped lines not counted twice."""
    lines = written[written.index("llm: ") :].splitlines()
    found = []
    for line in lines:
        if not line.strip() or line.startswith("\x1b"):
            break
        found.append(line)
    return found


def faulty_package(folder: Path) -> Path:
    """A package whose provider divides by zero."""
    site = folder / "site"
    (site / "buggy-1.dist-info").mkdir(parents=True)
    (site / "buggy-1.dist-info" / "METADATA").write_text("Name: buggy\nVersion: 1\n")
    entry = "[llmcli.adapters]\nbuggy = buggy:Buggy\n"
    (site / "buggy-1.dist-info" / "entry_points.txt").write_text(entry)
    (site / "buggy.py").write_text(BUGGY)
    return site


BUGGY = """
class Buggy:
    options = frozenset()
    def __init__(self, card): pass
    def on_wait(self, call): pass
    def set_deadline(self, seconds, started): pass
    def stream(self, request):
        yield 1 / 0
    def close(self): pass
"""
