"""Going on in a conversation with one-shot questions: `-c`, `--id`, and what they keep."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from chatting import ChatServer, Shell, Talk, reply
from running import Result
from support import Llm, write_card

TOOL = {"name": "look", "description": "Look", "parameters": {"type": "object"}}


@pytest.fixture
def script(llm: Llm, chats: ChatServer) -> Callable[[str], Result]:
    """Run a shell script in which `"$@"` is the command, in one session without a terminal."""
    return lambda text: llm(wrap=text)


def test_in_a_script(llm: Llm, chats: ChatServer, script: Callable[[str], Result]) -> None:
    """`llm -q …; llm -qc …`: stdout has the answers and nothing else, stderr nothing."""
    done = script('"$@" -q one; "$@" -qc two; "$@" -qc three')
    assert (done.code, done.err) == (0, "")
    assert done.text == "".join(reply(word) for word in ("one", "two", "three"))
    assert chats.sent() == [
        ("user", "one"),
        ("assistant", reply("one")),
        ("user", "two"),
        ("assistant", reply("two")),
        ("user", "three"),
    ]
    rows = llm.turns()
    assert len({row["conversation"] for row in rows}) == 1


def test_it_says_which(llm: Llm, chats: ChatServer, script: Callable[[str], Result]) -> None:
    """On stderr: id, number of turns, how it began."""
    done = script('"$@" -q "the first line"; "$@" -c two')
    (line,) = [line for line in done.err.splitlines() if "going on" in line]
    assert llm.turns()[0]["conversation"][:10] in line
    assert "1 turn" in line
    assert "the first line" in line


def test_each_terminal_has_its_own(llm: Llm, chats: ChatServer) -> None:
    here, there = Shell(llm), Shell(llm)
    here.run("here")
    there.run("there")
    assert here.run("-c more")[0] == 0
    assert [text for role, text in chats.sent() if role == "user"] == ["here", "more"]
    assert there.run("-c more")[0] == 0
    assert [text for role, text in chats.sent() if role == "user"] == ["there", "more"]


def test_none_in_this_terminal(llm: Llm, chats: ChatServer) -> None:
    """It does not take another terminal's, and says how to."""
    code, written = Shell(llm).run("-c hi")
    assert code == 3
    assert "no conversation yet" in written
    llm("elsewhere")
    code, written = Shell(llm).run("-c hi")
    assert code == 3
    assert "this terminal has no conversation" in written
    assert f"--id {llm.turns()[0]['conversation'][:10]}" in written
    assert len(chats.requests()) == 1


def test_by_id_and_prefix(llm: Llm, chats: ChatServer) -> None:
    llm("one")
    conversation = llm.turns()[0]["conversation"]
    for text in (conversation, conversation[:10], conversation[:12].lower()):
        assert llm("-q", "--id", text, "more").code == 0
    assert len(chats.sent()) == 7
    assert {row["conversation"] for row in llm.turns()} == {conversation}


def test_by_name(llm: Llm, chats: ChatServer) -> None:
    chat = Talk(llm).begin()
    chat.say("one")
    chat.say("/rename cats")
    chat.leave()
    assert llm("-q", "--id", "cats", "more").code == 0
    assert [text for role, text in chats.sent() if role == "user"] == ["one", "more"]
    again = Talk(llm, "--id", "cats").begin()
    again.say("and more")
    again.leave()
    assert len(chats.sent()) == 5


def test_an_id_that_is_none(llm: Llm, chats: ChatServer) -> None:
    llm("one")
    done = llm("--id", "nope", "more")
    assert (done.code, done.out) == (3, b"")
    assert "nope" in done.err
    assert llm("-c", "--id", "nope", "more").code == 2
    assert len(chats.requests()) == 1


def test_a_chat_and_questions(llm: Llm, chats: ChatServer) -> None:
    """They share conversations: a chat goes on where a question was, and the other way round."""
    shell = Shell(llm)
    shell.run("-q one")
    assert "1 turn so far" in shell.begin("chat -c")
    shell.talk.say("two")
    shell.end()
    shell.run("-qc three")
    assert [text for role, text in chats.sent() if role == "user"] == ["one", "two", "three"]


class TestWhatIsKept:
    """The last turn's model, system prompt, options and tools, unless told otherwise."""

    @pytest.fixture
    def begun(self, llm: Llm, chats: ChatServer) -> str:
        chats.provide(llm, models={"m": {}, "other": {}})
        (llm.root / "tools.json").write_text(json.dumps([TOOL]))
        options = ("-o", "temperature=0.5", "-o", "seed=7", "-s", "Be brief.")
        done = llm("-q", "-m", "fs/other", *options, "--tools", "tools.json", "one")
        assert done.code == 0, done.err
        return str(llm.turns()[0]["conversation"])

    def test_all_of_it(self, llm: Llm, chats: ChatServer, begun: str) -> None:
        llm("-q", "--id", begun, "two")
        first, second = (request.json for request in chats.requests())
        assert second["model"] == "other"
        for name in ("temperature", "seed", "tools"):
            assert second[name] == first[name]
        assert chats.sent()[0] == ("system", "Be brief.")

    def test_unless_told_otherwise(self, llm: Llm, chats: ChatServer, begun: str) -> None:
        llm("-q", "--id", begun, "-m", "fs/m", "-o", "temperature=1", "-s", "Be long.", "two")
        asked = chats.requests()[1].json
        assert (asked["model"], asked["temperature"], asked["seed"]) == ("m", 1, 7)
        assert [text for role, text in chats.sent() if role == "system"] == ["Be long."]

    def test_in_a_chat(self, llm: Llm, chats: ChatServer, begun: str) -> None:
        chat = Talk(llm, "--id", begun).begin()
        chat.say("two")
        chat.leave()
        asked = chats.requests()[1].json
        assert (asked["model"], asked["temperature"], asked["seed"]) == ("other", 0.5, 7)
        assert chats.sent()[0] == ("system", "Be brief.")


class TestPartsOfAnswers:
    """What the next question is told of an answer that did not end well."""

    @pytest.mark.parametrize("fault", ["no-end", "error-later:object"])
    def test_a_cut_one(
        self, llm: Llm, chats: ChatServer, script: Callable[[str], Result], fault: str
    ) -> None:
        script(f'"$@" -q {fault}; "$@" -qc more')
        roles: list[Any] = [role for role, _ in chats.sent()]
        assert roles == ["user", "assistant", "user"]

    def test_a_failed_one(
        self, llm: Llm, chats: ChatServer, script: Callable[[str], Result]
    ) -> None:
        """Nothing: the conversation does not move to it."""
        script('"$@" -q one; "$@" -qc http:400; "$@" -qc more')
        assert [text for role, text in chats.sent() if role == "user"] == ["one", "more"]


def test_nothing_is_kept_without_a_log(
    llm: Llm, chats: ChatServer, script: Callable[[str], Result]
) -> None:
    done = script('"$@" -q --no-log one; "$@" -qc two')
    assert done.code == 3
    assert llm.turns() == []


def test_a_failed_question_is_no_conversation(
    llm: Llm, chats: ChatServer, script: Callable[[str], Result]
) -> None:
    """`-c` goes on with the one before it."""
    script('"$@" -q one; "$@" -q http:400; "$@" -qc more')
    assert [text for role, text in chats.sent() if role == "user"] == ["one", "more"]


def kept(llm: Llm) -> list[object]:
    """Every row that could hold a word, and the names of the files."""
    tables = ("conversations", "turns", "parts", "attachments", "search_data")
    files = [f.name for f in llm.db.parent.iterdir() if f.suffix in ("", ".db")]
    return [files, *(llm.query(f"SELECT * FROM {table}") for table in tables)]


def test_without_a_log_it_only_reads(llm: Llm, chats: ChatServer) -> None:
    """No word of it is kept; that it was asked is counted."""
    llm("one")
    before = kept(llm)
    which = llm.turns()[0]["conversation"]
    done = llm("--id", which, "--no-log", "two")
    assert done.code == 0, done.err
    assert [text for role, text in chats.sent() if role == "user"] == ["one", "two"]
    assert llm("--id", which, "--dry-run", "two").code == 0
    chat = Talk(llm, "--id", which, "--no-log").begin()
    chat.say("three")
    chat.leave()
    assert [text for role, text in chats.sent() if role == "user"] == ["one", "three"]
    assert kept(llm) == before
    assert len(llm.attempts()) == 3


def test_what_waits_is_part_of_it(llm: Llm, chats: ChatServer) -> None:
    """The database could not take the last turn: it is taken in first, then gone on from."""
    llm("one")
    first, which = llm.turns()[0]["id"], llm.turns()[0]["conversation"]
    document = llm("history", "export").json
    last = {**document["turns"][0], "id": f"{first}W", "parent": first, "prompt": "waited"}
    document["conversation"]["head"] = last["id"]
    spool = llm.db.parent / "spool"
    spool.mkdir()
    (spool / f"{last['id']}.json").write_text(json.dumps({**document, "turns": [last]}))
    assert llm("--id", which, "--no-log", "two").code == 0
    assert "waited" not in str(chats.sent())
    assert llm("--id", which, "two").code == 0
    assert [text for role, text in chats.sent() if role == "user"] == ["one", "waited", "two"]
    assert llm.turns()[-1]["parent"] == last["id"]


@pytest.mark.parametrize("option", ["--no-log", "-q"])
def test_in_a_damaged_history(llm: Llm, chats: ChatServer, option: str) -> None:
    """It is moved aside, which is said; without a log it stays where it is."""
    llm.db.parent.mkdir(parents=True)
    llm.db.write_bytes(b"no database " * 500)
    done = llm("-c", option, "hi")
    aside = [*llm.db.parent.glob("history.db.corrupt-*")]
    if option == "--no-log":
        assert (done.code, aside) == (10, [])
        assert "llm history check" in done.err
    else:
        assert done.code == 3
        assert str(aside[0]) in done.err
    assert chats.requests() == []


def test_with_a_model_that_is_gone(llm: Llm, chats: ChatServer) -> None:
    """A script is told so; in a chat the default model answers."""
    write_card(llm, chats.base, "gone")
    llm("-m", "gone/m", "one")
    llm.env["LLM_MODEL"] = "fs/m"
    (llm.home / "config" / "providers" / "gone.toml").unlink()
    which = llm.turns()[0]["conversation"]
    done = llm("--id", which, "two")
    assert (done.code, done.out) == (3, b"")
    assert "gone/m" in done.err
    assert "-m SPEC" in done.err
    assert llm("--id", which, "-m", "fs/m", "two").code == 0
    llm("-m", "fs/m", "other")
    chat = Talk(llm, "--id", which).begin()
    chat.say("three")
    chat.leave()
    assert [text for role, text in chats.sent() if role == "user"] == ["one", "two", "three"]


def test_it_says_where_the_model_comes_from(llm: Llm, chats: ChatServer) -> None:
    llm("one")
    done = llm("--id", llm.turns()[0]["conversation"], "-v", "two")
    assert "asking fs/m (from the conversation)" in done.err


def test_with_what_the_model_cannot_take(llm: Llm, chats: ChatServer) -> None:
    """It is told before anything is sent: an earlier image goes along with each question."""
    chats.provide(llm, models={"m": {"input": ["text", "image"]}, "blind": {"input": ["text"]}})
    (llm.root / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert llm("-q", "-a", "a.png", "one").code == 0
    which = llm.turns()[0]["conversation"]
    done = llm("--id", which, "-m", "fs/blind", "two")
    assert done.code == 2
    assert "fs/blind cannot take a.png (image/png), which this conversation has" in done.err
    assert len(chats.requests()) == 1
    assert llm("--id", which, "two").code == 0


def test_another_provider_goes_without_what_it_cannot_be_sent(
    llm: Llm, chats: ChatServer, script: Callable[[str], Result]
) -> None:
    """What was asked for then is left out with a warning; what is asked for now is an error.

    A field of the first provider is not for the second. Back there the option holds again.
    """
    write_card(llm, chats.base, "two", models={"big": {}}, dialect={"unsupported": ["seed"]})
    asked = script(
        '"$@" -q -o seed=7 -o temperature=0.5 -o extra.own=1 one; "$@" -c -m two/big two;'
        ' "$@" -qc -m fs/m three; "$@" -qc -m two/big -o seed=8 four'
    )
    first, second, third = (request.json for request in chats.requests())
    assert [body.get("seed") for body in (first, second, third)] == [7, None, 7]
    assert [body.get("temperature") for body in (first, second, third)] == [0.5] * 3
    assert [body.get("own") for body in (first, second, third)] == [1, None, None]
    assert "left out, though the conversation sets it: seed (two cannot send it)" in asked.err
    assert asked.code == 2
    assert "two cannot send the option seed" in asked.err
