"""`llm history rm`, `prune` and `redact`: they ask, they refuse, and what goes is gone."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import past
import pytest
from expect import clean, failed
from pexpect import EOF
from support import Llm

from llmcli.messages import Media, Opaque, ToolCall

CANARY = "Zanzibar-7d1f4ab2"


def titles(llm: Llm) -> list[str]:
    return [row.split("\t")[1] for row in llm("history", "list", "--all").text.splitlines()]


def holding(llm: Llm, text: str) -> list[str]:
    """The files under the home that have these bytes in them."""
    return [path.name for path in llm.files() if text.encode() in path.read_bytes()]


def answer(llm: Llm, *args: str, typed: str) -> str:
    """What a command says on a terminal when it is answered so."""
    child = llm.spawn("history", *args, encoding="utf-8")
    child.expect_exact("[y/N]")
    said = str(child.before)
    child.sendline(typed)
    child.expect_exact(EOF)
    child.close()
    assert child.exitstatus == 0
    return said + str(child.before)


@pytest.mark.parametrize(
    ("args", "again"),
    [
        (("rm", "keep me"), "llm history rm 'keep me' --yes"),
        (("prune", "--older-than", "1h"), "llm history prune --older-than 1h --yes"),
        (("redact", "-"), "llm history redact - --yes"),
    ],
)
def test_without_a_terminal_nothing_goes_without_yes(
    llm: Llm, args: tuple[str, ...], again: str
) -> None:
    turns = past.talk(llm.db, f"about {CANARY}", days=1)
    llm("history", "rename", turns[0].conversation, "keep me")
    result = llm("history", *args, input=CANARY.encode())
    assert result.code == 2
    assert again in result.err
    assert titles(llm) == ["keep me"]
    assert CANARY in llm("history", "show").text


def test_what_is_listed_is_made_safe(llm: Llm) -> None:
    past.talk(llm.db, "a\x1b[2Jb\u202e\x9bc", days=1)
    for args in (("rm", "0"), ("prune", "--older-than", "1h")):
        result = llm("history", *args)
        assert "a^[[2Jb" in result.err
        clean(result)


@pytest.mark.parametrize("args", [("rm", "0"), ("prune", "--older-than", "1h")])
def test_on_a_terminal_it_lists_and_asks(llm: Llm, args: tuple[str, ...]) -> None:
    past.talk(llm.db, "the old one", days=1)
    said = answer(llm, *args, typed="")
    assert "the old one (1 turn, 1 d)" in said
    assert "nothing was changed" in said
    assert titles(llm) == ["the old one"]
    assert "removed 1 conversation, 1 turn" in answer(llm, *args, typed="y")
    assert titles(llm) == []


def test_rm_takes_the_words_and_keeps_the_money(llm: Llm) -> None:
    past.talk(llm.db, f"about {CANARY}", "more", text=f"It is {CANARY}.", days=1)
    past.talk(llm.db, "other")
    first = llm("history", "list").text.splitlines()[1].split("\t")[0]
    result = llm("history", "rm", first, "--yes")
    assert (result.code, result.out) == (0, b"")
    assert "removed 1 conversation, 2 turns" in result.err
    assert titles(llm) == ["other"]
    assert holding(llm, CANARY) == []
    assert [row["cost"] for row in llm.attempts()] == ["0.0034"] * 3


def test_rm_leaves_what_a_fork_shares(llm: Llm) -> None:
    turns = past.talk(llm.db, "shared", "not shared")
    side = llm("history", "fork", "--at", "1", "--name", "side").text.strip()
    assert llm("history", "rm", turns[0].conversation, "-y").code == 0
    assert titles(llm) == ["side"]
    assert "> shared" in llm("history", "show", side).text
    assert holding(llm, "not shared") == []


def test_rm_is_all_or_nothing(llm: Llm) -> None:
    first = past.talk(llm.db, "first")[0].conversation
    failed(llm("history", "rm", first, "nobody", "--yes"), 3, "nobody")
    failed(llm("history", "rm"), 2, "ID")
    assert titles(llm) == ["first"]


def test_prune_goes_by_the_last_use(llm: Llm) -> None:
    old = past.talk(llm.db, "old", days=40)[0]
    past.talk(llm.db, "used again", days=40)
    llm("history", "list")
    again = past.turn("now", conversation=old.conversation, parent=old.id)
    past.write(llm.db, [again])
    dry = llm("history", "prune", "--older-than", "30d", "--dry-run")
    assert (dry.code, dry.out) == (0, b"")
    assert "used again" in dry.err
    assert "1 conversation would be removed" in dry.err
    assert len(titles(llm)) == 2
    assert llm("history", "prune", "--older-than", "30d", "--yes").code == 0
    assert titles(llm) == ["old"]
    assert "nothing so old" in llm("history", "prune", "--older-than", "30d", "--yes").err


@pytest.mark.parametrize("when", ["", "30", "1y", "-3d", "2999-01-01", "9999999999d", "tomorrow"])
def test_prune_takes_no_odd_time(llm: Llm, when: str) -> None:
    past.talk(llm.db, "hello")
    failed(llm("history", "prune", "--older-than", when, "--yes"), 2, "--older-than")
    failed(llm("history", "prune", "--yes"), 2, "--older-than")
    assert titles(llm) == ["hello"]


def test_redact_leaves_no_byte_of_the_text(llm: Llm) -> None:
    """Not in the database, its journal, its index, nor in what was typed in chats."""
    turns = past.talk(
        llm.db,
        f"prompt {CANARY}",
        f"{CANARY} twice {CANARY}",
        text=f"answer {CANARY}",
        reasoning=f"thought {CANARY}",
        system=f"system {CANARY}",
        attachments=(Media(f"file {CANARY}".encode(), "text/plain", f"{CANARY}.txt"),),
        options={"metadata": {"a": CANARY}},
        tool_calls=(ToolCall("1", "find", f'{{"what": "{CANARY}"}}'),),
        opaque=(Opaque("groq", "m", {"signature": CANARY}),),
        error_message=f"error {CANARY}",
    )
    llm("history", "rename", turns[0].conversation, f"name {CANARY}")
    prompts = llm.home / "data" / "prompts"
    prompts.write_text(f"\n# 2026-11-21\n+typed {CANARY}\n")
    assert set(holding(llm, CANARY)) >= {"history.db", "prompts"}
    dry = llm("history", "redact", "-", "--dry-run", input=CANARY.encode())
    places = [word for word in dry.err.split() if word.isdecimal()]
    assert int(places[0]) > 10
    assert "history.db" in holding(llm, CANARY)
    result = llm("history", "redact", "-", "--yes", input=f"{CANARY}\n".encode())
    assert result.code == 0, result.err
    assert f"masked in {places[0]} places" in result.err
    assert CANARY not in result.err + dry.err
    assert holding(llm, CANARY) == []
    assert prompts.read_text() == "\n# 2026-11-21\n+typed [redacted]\n"
    text = llm("history", "show").text
    assert "> prompt [redacted]" in text
    assert "answer [redacted]" in text
    assert llm("history", "search", CANARY).text == ""
    assert llm("history", "search", "redacted").text
    assert "stands nowhere" in llm("history", "redact", "-", "-y", input=CANARY.encode()).err


def test_prompts_that_become_alike_stay_prompts(llm: Llm) -> None:
    """Equal prompts are stored once: one moves to the other."""
    past.talk(llm.db, f"about {CANARY}", "about [redacted]", f"about {CANARY}", system=CANARY)
    assert llm("history", "redact", "-", "--yes", input=CANARY.encode()).code == 0
    assert llm("history", "show").text.count("> about [redacted]") == 3
    assert llm("history", "check").code == 0


def test_redact_knows_a_text_as_json_has_it(llm: Llm) -> None:
    text = 'Zanzi"b\när\\x'
    inside = json.dumps({"what": f"the {text}"})
    both = (ToolCall("1", "find", inside), ToolCall("2", "find", json.dumps(text)[1:-1]))
    past.talk(llm.db, f"a {text} b", tool_calls=both, options={"metadata": {text: text}})
    assert llm("history", "redact", "-", "--yes", input=text.encode()).code == 0
    for form in (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
        assert holding(llm, form) == [], form
    assert holding(llm, "Zanzi") == []
    assert llm("history", "check").code == 0


def test_redact_leaves_no_cut_text_in_a_title(llm: Llm) -> None:
    """A title is the beginning of a prompt, and a long secret is cut there."""
    secret = "eyJ" + "Zanzibar7" * 40
    past.talk(llm.db, f"use {secret} for it")
    llm("history", "fork")
    assert llm("history", "redact", "-", "--yes", input=secret.encode()).code == 0
    assert holding(llm, "Zanzibar7") == []
    assert titles(llm) == ["use [redacted] for it"] * 2


def let_wait(llm: Llm, prompt: str) -> str:
    """A conversation with a turn that the database could not take yet; its id."""
    past.talk(llm.db, "hello")
    document = llm("history", "export").json
    document["conversation"] |= {"id": "0WAITING", "head": "0WAITINGTURN"}
    document["turns"][0]["conversation"] = "0WAITING"
    document["turns"][0] |= {"id": "0WAITINGTURN", "prompt": prompt}
    spool = llm.home / "data" / "spool"
    spool.mkdir()
    (spool / "0WAITINGTURN.json").write_text(json.dumps(document))
    return "0WAITING"


def test_redact_takes_in_what_waits(llm: Llm) -> None:
    which = let_wait(llm, f"waits {CANARY}")
    assert llm("history", "redact", "-", "--yes", input=CANARY.encode()).code == 0
    assert holding(llm, CANARY) == []
    assert "waits [redacted]" in llm("history", "show", which).text


def test_rm_takes_in_what_waits(llm: Llm) -> None:
    """Else it would come back with the next question."""
    which = let_wait(llm, f"waits {CANARY}")
    listed = llm("history", "list")
    assert which not in listed.text
    assert "not in it yet: 1 turn" in listed.err
    assert llm("history", "rm", which, "--yes").code == 0
    assert holding(llm, CANARY) == []
    assert llm("history", "list").err == ""


def test_redact_names_a_turn_that_cannot_be_read(llm: Llm) -> None:
    past.talk(llm.db, f"about {CANARY}")
    spool = llm.home / "data" / "spool"
    spool.mkdir()
    (spool / "1.json").write_text(CANARY)
    result = llm("history", "redact", "-", "--yes", input=CANARY.encode())
    assert f"rm {spool / '1.json.unreadable'}" in result.err


def test_redact_names_the_copies_that_keep_the_text(llm: Llm) -> None:
    past.talk(llm.db, f"about {CANARY}")
    copy = llm.home / "data" / "history.db.v1-20260101-000000.bak"
    copy.write_bytes(llm.db.read_bytes())
    result = llm("history", "redact", "-", "--yes", input=CANARY.encode())
    assert f"rm {copy}" in result.err
    assert copy.exists()


def test_redact_masks_the_key_of_a_provider(llm: Llm) -> None:
    llm.env["GROQ_API_KEY"] = "gsk-canary-0123456789abc"
    past.talk(llm.db, "use gsk-canary-0123456789abc for groq")
    result = llm("history", "redact", "--key", "groq", "--yes")
    assert result.code == 0, result.err
    assert holding(llm, "gsk-canary-0123456789abc") == []
    del llm.env["GROQ_API_KEY"]
    failed(llm("history", "redact", "--key", "groq", "--yes"), 3, "no key")
    failed(llm("history", "redact", "--key", "nobody", "--yes"), 3, "nobody")


def test_redact_asks_for_the_text_without_showing_it(llm: Llm) -> None:
    past.talk(llm.db, f"about {CANARY}")
    child = llm.spawn("history", "redact", encoding="utf-8")
    child.expect_exact("(not shown):")
    child.sendline(CANARY)
    child.expect_exact("[y/N]")
    assert CANARY not in child.before
    child.sendline("y")
    child.expect_exact("masked in")
    child.expect_exact(EOF)
    assert holding(llm, CANARY) == []


@pytest.mark.parametrize(
    ("args", "data", "words"),
    [
        (("a secret",), b"", "cannot be an argument"),
        (("-",), b"ab\n", "fewer than"),
        (("-",), b"", "fewer than"),
        (("-",), b"\xff\xfe", "UTF-8"),
        (("-",), b"redacted", "take its place"),
        (("-", "--key", "groq"), b"text", "not both"),
    ],
)
def test_redact_refuses_in_a_line(llm: Llm, args: tuple[str, ...], data: bytes, words: str) -> None:
    past.talk(llm.db, "a secret about ab")
    result = llm("history", "redact", *args, "--yes", input=data)
    failed(result, 2, words)
    assert "a secret" not in result.err
    assert "a secret about ab" in titles(llm)


def test_a_newer_history_is_not_changed(llm: Llm) -> None:
    past.talk(llm.db, f"about {CANARY}")
    with sqlite3.connect(llm.db) as db:
        db.execute("PRAGMA user_version = 99")
    for args in (("rm", "0"), ("prune", "--older-than", "1m"), ("redact", "-")):
        result = llm("history", *args, "--yes", input=CANARY.encode())
        failed(result, 10, "newer llm")
    assert holding(llm, CANARY)


def test_the_words_are_gone_for_sqlite_too(llm: Llm, tmp_path: Path) -> None:
    """A copy that SQLite makes page by page has no trace of them."""
    past.talk(llm.db, *(f"{CANARY} number {n} " + "x" * 3000 for n in range(50)))
    llm("history", "rm", "0", "--yes")
    assert llm("history", "backup", str(tmp_path / "copy.db")).code == 0
    assert CANARY.encode() not in (tmp_path / "copy.db").read_bytes()
