"""A chat and the history among hostile words, files, servers, terminals and environments."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import past
import pexpect
import pytest
import wire
from chatting import SENT, ChatServer, Talk, plain, reply, until
from fault_server import FAULTS, Exchange
from picking import choose
from serving import Handler, Serving
from support import Llm
from typing_support import script

from llmcli import webpage
from llmcli.messages import Media, ToolCall
from llmcli.transcripts.documents import to_document, to_text
from llmcli.turn import Conversation, Turn

EVIL = "\x1b]0;evil\x07\x1b]52;c;aGk=\x07\x1b[31;5m\x9b2J\x9d8;;http://e\x9c\u202e\U000e0041\x08\r"
RAW = re.compile("\x1b\\]|\x1b\\[31;5m|[\x80-\x9f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
COMMANDS = (
    ("list",), ("show", "ID"), ("show", "ID", "--raw"), ("show", "ID", "--tree"),
    ("search", "words"), ("export", "ID"), ("export", "ID", "-f", "md"), ("last",),
    ("prune", "--older-than", "0d", "--dry-run"), ("fork", "ID"), ("import", "evil.json"),
)  # fmt: skip
LINES = ("/usage", "/cost", "/context", "/system", "/options", "/file", "/undo", "/redo", "/fork")


def evil_turn(words: str, **facts: Any) -> Turn:
    """A turn whose every free text has what a terminal must never be sent."""
    evil = f"{EVIL} {words} {EVIL}"
    media = (Media(evil.encode(), "text/plain", evil),)
    calls = (ToolCall(evil, evil, json.dumps({"a": evil})),)
    said = {"reasoning": evil, "error_message": evil, "raw_finish": evil, "tool_calls": calls}
    asked = {
        "model": f"{evil}\nforged",
        "system": evil,
        "options": {"stop": [evil]},
        "attachments": media,
    }
    return past.turn(evil, evil, **{"provider": "fs", **said, **asked, **facts})


def evil_file(llm: Llm) -> str:
    """The id of a conversation that lies in `evil.json`."""
    first = evil_turn("first words")
    second = evil_turn("second words", conversation=first.conversation, parent=first.id)
    whole = Conversation(first.conversation, title=EVIL, head=second.id)
    (llm.root / "evil.json").write_text(to_text(to_document(whole, [first, second])))
    return first.conversation


def test_nothing_imported_can_steer_the_terminal(llm: Llm) -> None:
    which = evil_file(llm)
    for words in (("import", "evil.json"), *COMMANDS):
        child = llm.spawn("history", *(which if word == "ID" else word for word in words))
        child.expect(pexpect.EOF)
        written = child.before.decode(errors="replace")
        assert not RAW.search(written), (words, written)
        assert "Traceback" not in written
        child.wait()
        assert child.exitstatus == 0, (words, written)


def test_nothing_loaded_into_a_chat_can_steer_the_terminal(llm: Llm, chats: ChatServer) -> None:
    """Its model is one of ours only by name, and is asked like any other."""
    which = evil_file(llm)
    assert llm("history", "import", "evil.json").code == 0
    chat = Talk(llm, "--id", which)
    written = chat.written()
    for line in (*LINES, "go on"):
        chat.child.send(f"{line}\r")
        written += chat.written(SENT) + chat.written()
    for line in ("/conversations", "/search first words"):
        written += choose(chat, line, "Which conversation?", "\r")
    for keys in ("/load \t", "/edit \t", "/copy \t", "/model \t"):
        chat.type(keys)
    written += chat.leave()
    assert not RAW.search(written)
    assert "forged" in written
    assert not re.search(r"^\s{0,4}forged", plain(written), re.MULTILINE)
    assert "internal error" not in written
    assert reply("go on") in written
    assert len(chats.requests()) == 1


def test_names_of_files_and_models_cannot_steer_the_terminal(llm: Llm, chats: ChatServer) -> None:
    name = EVIL.replace("/", "") + ".txt"
    (llm.root / name).write_text("words")
    (llm.root / "folder").mkdir()
    (llm.root / "folder" / name).write_text("words")
    chats.provide(llm, models={"m": {}, f"m{EVIL}": {}})
    chat = Talk(llm)
    written = chat.written()
    for line in ("/file *.txt", "/file folder", "/file", "/context", "go"):
        chat.child.send(f"{line}\r")
        written += chat.written(SENT) + chat.written()
    for keys in ("/model fs/m\t", "/file \t"):
        chat.type(keys)
    written += chat.leave()
    assert "queued: ^[" in written
    assert not RAW.search(written)


def test_an_import_replaces_nothing_of_ours(llm: Llm) -> None:
    """Neither the words of a turn that is there, nor where a conversation goes on."""
    first, second = past.talk(llm.db, "mine", "mine too")
    forged = [one._replace(prompt="theirs", text="theirs") for one in (first, second)]
    loose = past.turn("theirs", conversation=first.conversation)
    taken = Conversation(first.conversation, name="theirs", title="theirs", head=loose.id)
    data = to_text(to_document(taken, [*forged, loose])).encode()
    assert llm("history", "import", "-", input=data).code == 0
    assert b"theirs" not in llm("history", "show", first.conversation).out
    assert b"theirs" not in llm("history", "list").out
    assert llm("history", "check").code == 0


@pytest.mark.parametrize("name", ["../../evil", "a/b", ".", "a\0b", "x" * 65])
def test_an_id_is_never_a_path(llm: Llm, name: str) -> None:
    """Neither in a file to import nor in one that waits to be taken in."""
    document = to_document(Conversation("01A", head="01B"), [past.turn("x", conversation="01A")])
    document["turns"][0]["id"] = name
    data = to_text(document).encode()
    assert llm("history", "import", "-", input=data).code == 2
    spool = llm.home / "data" / "spool"
    spool.mkdir(parents=True)
    (spool / "01B.json").write_bytes(data)
    result = llm("history", "list")
    assert result.code == 0
    assert [path.name for path in spool.iterdir()] in (["01B.json"], ["01B.json.unreadable"])


def test_all_that_a_chat_writes_is_private(llm: Llm, chats: ChatServer) -> None:
    """Whatever the umask; what it hands to an editor lies in a folder of its own."""
    editor = script(llm.root, "editor", f'stat -c "%a" "$1" "$(dirname "$1")" > {llm.root}/modes')
    chat = Talk(llm, wrap='umask 000; exec "$@"', env={"EDITOR": str(editor)}).begin()
    for line in ("hello", "/editor words", "/save answer.txt", "/export talk.html", "/fork"):
        chat.say(line)
        chat.child.sendintr()
    chat.leave()
    assert (llm.root / "modes").read_text().split() == ["600", "700"]
    made = [*(llm.home / "data").rglob("*"), llm.root / "answer.txt", llm.root / "talk.html"]
    assert {"prompts", ".prompts.lock", "history.db"} <= {path.name for path in made}
    loose = [path for path in made if path.stat().st_mode & 0o077]
    assert not loose
    assert (llm.home / "data").stat().st_mode & 0o777 == 0o700


def test_what_is_planted_is_not_written_through(llm: Llm, chats: ChatServer) -> None:
    """Neither a link nor, though it is forced, a pipe: there it would wait for ever."""
    (llm.root / "target").write_text("precious")
    (llm.root / "link.txt").symlink_to("target")
    os.mkfifo(llm.root / "pipe")
    chat = Talk(llm).begin()
    chat.say("hello")
    assert "is there already" in chat.say("/save link.txt")
    chat.child.sendintr()
    assert "not a regular file" in chat.say("/save -f pipe")
    chat.child.sendintr()
    chat.leave()
    assert (llm.root / "target").read_text() == "precious"
    assert (llm.root / "pipe").is_fifo()


def test_the_editor_is_no_line_for_a_shell(llm: Llm, chats: ChatServer) -> None:
    """Words are its arguments, metacharacters are letters."""
    editor = script(llm.root, "my editor", f"printf '%s\\n' \"$@\" > {llm.root}/words")
    chat = Talk(llm, env={"VISUAL": f'"{editor}" --wait "a b" ; touch pwned $(touch pwned) > x'})
    chat.begin()
    chat.say("/editor hello")
    chat.leave()
    *words, file = (llm.root / "words").read_text().splitlines()
    assert words == ["--wait", "a b", ";", "touch", "pwned", "$(touch", "pwned)", ">", "x"]
    assert file.endswith(".md")
    assert not (llm.root / "pwned").exists()


@pytest.mark.parametrize(
    "page", ["<p>a<![<![x>b", "<p>a<![if IE]>b", "<p>a<![CDATA[x]]>b", "<p>a<!>b", "<p>a<![ b"]
)
def test_a_broken_declaration_breaks_no_page(page: str) -> None:
    assert webpage.text_of(page.encode()).startswith("a")


class Web(Serving):
    """A web server, and a proxy to any other; `seen` keeps the targets and the headers."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []
        super().__init__()


class _Page(Handler[Web]):
    def answer(self) -> None:
        self.owner.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        if self.path == "/login":
            place = f"{self.owner.host.replace('//', '//user:hidden@')}/in"
            self.send(302, b"", "text/plain", location=place)
        else:
            self.send(200, b"a page", "text/plain")


Web.handler = _Page


def test_a_page_gets_no_key_and_no_name(llm: Llm, chats: ChatServer) -> None:
    """Behind a proxy too, whose password goes to nobody else; loopback is asked directly."""
    with Web() as web, Web() as proxy:
        address = proxy.host.replace("//", "//me:proxy-password@")
        chat = Talk(llm, env={"HTTP_PROXY": address, "http_proxy": address}).begin()
        written = chat.say("/url http://page.invalid/a")
        written += chat.say(f"/url {web.host}/b")
        written += chat.say(f"/url {web.host}/login")
        chat.leave()
    assert written.count("queued: http://") == 2
    assert "leads to an address that has a user name or password in it" in written
    assert "proxy-password" not in written
    assert [path for path, _ in proxy.seen] == ["http://page.invalid/a"]
    assert [path for path, _ in web.seen] == ["/b", "/login"]
    for _, headers in web.seen:
        assert not headers.keys() & {"authorization", "proxy-authorization", "cookie"}
    assert proxy.seen[0][1].keys() & {"authorization", "cookie", "x-api-key"} == set()
    assert not [path for path in llm.files() if b"proxy-password" in path.read_bytes()]


def _unending(exchange: Exchange) -> None:
    """As fast as it can be sent, for ever."""
    exchange.begin()
    data = wire.says("words " * 200)
    while True:
        exchange.chunk(data)


def _byte_by_byte(exchange: Exchange) -> None:
    """For ever, too."""
    exchange.begin()
    while True:
        for byte in wire.says("x"):
            exchange.chunk(bytes([byte]))


FAULTS["unending"] = _unending
FAULTS["byte-by-byte"] = _byte_by_byte


@pytest.mark.parametrize("fault", ["unending", "byte-by-byte"])
def test_ctrl_c_stops_what_never_ends(llm: Llm, chats: ChatServer, fault: str) -> None:
    """As often as it is asked: the prompt is back, what came is kept, nothing is left open."""
    chat = Talk(llm).begin()
    chat.say("hello")
    before = _open_files(chat)
    for _ in range(2):
        chat.send(fault)
        chat.shows("x" if fault == "byte-by-byte" else "words")
        chat.child.sendintr()
        chat.child.sendintr()
        assert "stopped, partial answer kept" in chat.wait()
    assert chats.requests()[-1].left.wait(8)
    assert reply("on") in chat.say("on")
    assert _open_files(chat) <= before
    chat.leave()
    assert [row["status"] for row in llm.turns()] == [
        "complete", "interrupted", "interrupted", "complete",
    ]  # fmt: skip


def test_many_turns_cost_no_memory_and_no_files(llm: Llm, chats: ChatServer) -> None:
    chat = Talk(llm).begin()
    for number in range(6):
        chat.say(f"turn {number}")
    files, memory = _open_files(chat), _memory(chat)
    for number in range(24):
        chat.say(f"turn {number}")
    assert _open_files(chat) <= files
    assert _memory(chat) - memory < 4_000
    chat.leave()


@pytest.mark.parametrize("message", ["", "hold", "unending"])
@pytest.mark.parametrize("ignored", [False, True])
def test_a_terminal_that_goes_away(
    llm: Llm, chats: ChatServer, message: str, ignored: bool
) -> None:
    """It ends at once, of the signal unless that is ignored, and what came is kept."""
    chat = Talk(llm, wrap='trap "" HUP; exec "$@"' if ignored else "").begin()
    if message:
        chat.send(message)
        chat.shows("One half" if message == "hold" else "words")
    chat.child.ptyproc.fileobj.close()
    chats.gate.set()
    code = _ended(chat.child)
    assert code == (10 if ignored else -signal.SIGHUP)
    turns = llm.turns()
    assert len(turns) == bool(message)
    assert all(row["text"] for row in turns)
    ended = {"interrupted", "complete"} if ignored else {"interrupted"}
    assert {row["status"] for row in turns} <= ended


def _ended(child: Any) -> int:
    """The exit code of a process whose terminal was closed under pexpect."""
    child.ptyproc.closed = child.closed = True
    until(lambda: not child.isalive(), 8)
    return child.exitstatus if child.signalstatus is None else -child.signalstatus


def _open_files(chat: Talk) -> int:
    return len(list(Path(f"/proc/{chat.child.pid}/fd").iterdir()))


def _memory(chat: Talk) -> int:
    """What it takes, in kB."""
    status = Path(f"/proc/{chat.child.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found
    return int(found[1])
