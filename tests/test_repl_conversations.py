"""Slash commands that find, name, change and write out conversations."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from chatting import Talk
from picking import DOWN, ESCAPE, choose
from support import Llm
from word_server import WordServer

from llmcli.files import write_out


@pytest.fixture
def server() -> Iterator[WordServer]:
    with WordServer() as server:
        yield server


@pytest.fixture
def chat(llm: Llm, server: WordServer) -> Talk:
    """A chat with a turn; there is another conversation with two turns, about ravens."""
    server.provide(llm, m={}, other={})
    llm("-m", "fs/other", "tell me of ravens")
    llm("--id", llm.turns()[0]["conversation"], "and of crows")
    chat = Talk(llm).begin()
    chat.say("one")
    return chat


def names(llm: Llm) -> list[str | None]:
    return [row["name"] for row in llm.query("SELECT name FROM conversations ORDER BY created")]


def test_rename(chat: Talk, llm: Llm) -> None:
    assert 'this conversation is "my talk" now' in chat.say("/rename my talk")
    assert names(llm) == [None, "my talk"]
    assert "has no name any more" in chat.say("/rename -")
    assert names(llm) == [None, None]


def test_another_conversation_is_chosen(chat: Talk, llm: Llm, server: WordServer) -> None:
    """By what it is about; with its model. The way back is told."""
    told = choose(chat, "/conversations", "Which conversation?", "ravens\r")
    assert "fs/other · tell me of ravens · 2 turns so far" in told
    assert 'last: "and of crows"' in told
    back = told.partition("/load ")[2].split()[0]
    chat.say("more")
    assert server.said() == ["tell me of ravens", "and of crows", "more"]
    assert server.requests[-1]["model"] == "other"
    chat.say(f"/load {back}")
    chat.say("two")
    assert server.said() == ["one", "two"]


def test_leaving_the_list_changes_nothing(chat: Talk, server: WordServer) -> None:
    for line in ("/conversations", "/load"):
        choose(chat, line, "Which conversation?", ESCAPE)
    chat.say("two")
    assert server.said() == ["one", "two"]


def test_there_is_no_other_conversation(llm: Llm, server: WordServer) -> None:
    server.provide(llm)
    assert "there is no other conversation" in Talk(llm).begin().say("/conversations")


def test_load_by_name(chat: Talk, llm: Llm, server: WordServer) -> None:
    assert llm("history", "rename", llm.turns()[0]["conversation"], "birds").code == 0
    assert "birds · 2 turns so far" in chat.say("/load birds")
    chat.say("more")
    assert server.said()[0] == "tell me of ravens"


def test_search(chat: Talk, llm: Llm, server: WordServer) -> None:
    """In prompts and answers of all conversations; what was found is marked."""
    chat.send("/search crow")
    chat.shows("[crows]")
    chat.type("\r")
    assert "tell me of ravens" in chat.wait("so far")
    chat.wait()
    chat.say("more")
    assert server.said()[0] == "tell me of ravens"
    assert "nothing found for nightingale" in chat.say("/search nightingale")
    assert "nothing found" in chat.say('/search "nightingale AND (')


def test_search_tells_where(chat: Talk, llm: Llm, server: WordServer) -> None:
    """The conversation stands at its head; what was found may be before it or beside it."""
    for prompt in ("of gulls", "of owls", "of terns"):
        chat.say(prompt)
    chat.say("/undo 2")
    chat.say("of auks")
    found = {"gulls": "turn 2 of 3; to go there: /undo 1", "owls": "another branch; to go there: "}
    for words, told in found.items():
        chat.send(f"/search {words}")
        chat.shows(f"[{words}]")
        chat.type("\r")
        assert f"found in {told}" in chat.wait()
    chat.say("/undo 1")
    choose(chat, "/redo", "Which way?", "owls\r")
    chat.say("more")
    assert server.said() == ["one", "of gulls", "of owls", "more"]
    chat.send("/search more")
    chat.shows("[more]")
    chat.type("\r")
    assert "found in" not in chat.wait()


def test_a_name_is_told_as_it_is_kept(chat: Talk, llm: Llm) -> None:
    assert 'is "my talk" now' in chat.say("/rename my   talk")
    chat.say("/new")
    assert "1 turn so far" in chat.say("/load my talk")


@pytest.mark.parametrize("command", ["/file", "/save"])
def test_a_path_that_cannot_be_looked_at(chat: Talk, command: str) -> None:
    """It is a message, and the chat goes on."""
    assert "File name too long" in chat.say(f"{command} {'x' * 300}.md")
    chat.leave()


def test_new(chat: Talk, llm: Llm, server: WordServer) -> None:
    told = chat.say("/new")
    assert "new conversation" in told
    assert "back to the one before: /load" in told
    chat.say("two")
    assert server.said() == ["two"]
    assert len(names(llm)) == 3


def test_new_says_that_the_queue_is_gone(chat: Talk, llm: Llm) -> None:
    (llm.root / "a.txt").write_text("inside")
    chat.say("/file a.txt")
    assert "no longer queued: 1 file" in chat.say("/new")


def test_clear(chat: Talk, llm: Llm, server: WordServer) -> None:
    """The conversation goes on, and what was said can be told again."""
    assert "/clear - tells them again" in chat.say("/clear")
    chat.say("two")
    assert server.said() == ["two"]
    assert "told all 2 turns again" in chat.say("/clear -")
    chat.say("three")
    assert server.said() == ["one", "two", "three"]
    assert len(names(llm)) == 2


def test_clear_holds_in_another_process(chat: Talk, llm: Llm, server: WordServer) -> None:
    chat.say("/clear")
    chat.say("two")
    chat.leave()
    assert llm("--id", llm.turns()[-1]["conversation"], "three").code == 0
    assert server.said() == ["two", "three"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/rename", "which name?"),
        ("/rename 01ABC", "looks like an id"),
        ("/conversations all", "takes nothing"),
        ("/load nothing-like-it", "no conversation is called"),
        ("/load 01", "conversations begin with '01'"),
        ("/search", "which words?"),
        ("/new one", "takes nothing"),
        ("/clear all", "takes nothing, or -"),
        ("/save", "into which file?"),
        ("/save a b", "one file, please"),
        ("/save -q a", "-q is no option"),
        ("/save nowhere/a.txt", "No such file"),
        ("/save -x a.txt", "no code block"),
        ("/save -f .", ". is a folder"),
        ("/export", "into which file?"),
        ("/export talk", "does not tell the format"),
        ("/export 'talk.md", "a quote is not closed"),
    ],
)
def test_bad_input_is_one_clear_line(chat: Talk, server: WordServer, line: str, words: str) -> None:
    asked = len(server.requests)
    told = chat.say(line)
    assert words in told
    assert "internal error" not in told
    assert len(server.requests) == asked


@pytest.mark.parametrize("name", ["rename x", "clear", "save x", "export x.md"])
def test_there_must_be_turns(llm: Llm, server: WordServer, name: str) -> None:
    server.provide(llm)
    assert "makes no sense yet" in Talk(llm).begin().say(f"/{name}")


def test_titles_and_names_cannot_steer_the_terminal(llm: Llm, server: WordServer) -> None:
    server.provide(llm)
    llm("raven \x1b]0;evil\x07")
    chat = Talk(llm).begin()
    for line in ("/conversations", "/search raven"):
        chat.send(line)
        written = chat.written("Which conversation?")
        chat.type("\r")
        written += chat.written("\x1b[?2004l") + chat.written()
        assert "\x1b]0;" not in written
        assert "raven" in written
        chat.say("/new")


def test_save(chat: Talk, llm: Llm, server: WordServer) -> None:
    """The last answer; what is there is replaced only by -f, and then it keeps what it is."""
    server.answers = ["Look:\n\n```python\nprint('é')\n```\nDone."]
    chat.say("two")
    assert "written: answer.md (" in chat.say("/save answer.md")
    whole = "Look:\n\n```python\nprint('é')\n```\nDone.\n"
    assert (llm.root / "answer.md").read_text("utf-8") == whole
    told = chat.say("/save -x answer.md")
    assert "answer.md is there already" in told
    assert "/save -f -x answer.md" in told
    assert (llm.root / "answer.md").read_text("utf-8") == whole
    chat.say("\x15/save -f -x answer.md")
    assert (llm.root / "answer.md").read_text("utf-8") == "print('é')\n"
    assert [path.name for path in llm.root.glob(".*part")] == []


def test_export(chat: Talk, llm: Llm) -> None:
    """As the suffix says; JSON and JSONL hold all branches and come back."""
    chat.say("/edit uno")
    for suffix in ("md", "html", "json", "jsonl"):
        assert f"written: talk.{suffix}" in chat.say(f"/export talk.{suffix}")
    chat.leave()
    markdown = (llm.root / "talk.md").read_text()
    assert "uno" in markdown
    assert "one" not in re.findall(r"\w+", markdown)
    document = json.loads((llm.root / "talk.json").read_text())
    assert [turn["prompt"] for turn in document["turns"]] == ["one", "uno"]
    assert len((llm.root / "talk.jsonl").read_text().splitlines()) == 3
    page = (llm.root / "talk.html").read_text()
    HTMLParser().feed(page)
    assert "uno" in page
    for suffix in ("json", "jsonl"):
        assert "2 there already" in llm("history", "import", f"talk.{suffix}").err


def test_export_is_the_same_as_that_of_the_history(chat: Talk, llm: Llm) -> None:
    chat.say("/edit uno")
    chat.say("/export talk.json")
    chat.leave()
    done = llm("history", "export", llm.turns()[-1]["conversation"])
    assert json.loads(done.text) == json.loads((llm.root / "talk.json").read_text())


def test_export_without_a_history(llm: Llm, server: WordServer) -> None:
    server.provide(llm)
    chat = Talk(llm, "--no-log").begin()
    chat.say("one")
    chat.say("/edit uno")
    chat.say("/export talk.json")
    document = json.loads((llm.root / "talk.json").read_text())
    assert [turn["prompt"] for turn in document["turns"]] == ["one", "uno"]
    assert document["conversation"]["title"] == "uno"


@pytest.mark.parametrize("line", ["/load x", "/load", "/conversations", "/search x"])
def test_without_a_history_there_is_nothing_to_load(
    llm: Llm, server: WordServer, line: str
) -> None:
    server.provide(llm)
    assert "there is no history" in Talk(llm, "--no-log").begin().say(line)


def test_a_file_appears_whole_or_not_at_all(llm: Llm) -> None:
    """A link that leads nowhere counts as a file; a mode that is there stays."""
    link, target = llm.root / "link", llm.root / "target"
    link.symlink_to(target)
    with pytest.raises(FileExistsError):
        write_out(link, b"x")
    assert not target.exists()
    write_out(link, b"new", replace=True)
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    target.chmod(0o640)
    write_out(link, b"newer", replace=True)
    assert (target.read_bytes(), target.stat().st_mode & 0o777) == (b"newer", 0o640)


def test_conversations_are_completed(chat: Talk) -> None:
    chat.type("/load ravens\t")
    chat.shows("tell me of ravens")
    chat.type(f"{DOWN}\x03")
