"""`llm history rename`, `fork`, `export` and `import`, run as the installed command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import past
import pytest
from expect import failed
from good_server import GoodServer
from support import Llm, write_card

from llmcli.messages import Media
from llmcli.store import Store
from llmcli.turn import Turn


def names(llm: Llm) -> list[str]:
    return [row.split("\t")[1] for row in llm("history", "list").text.splitlines()]


def branched(llm: Llm) -> list[Turn]:
    """A conversation whose second turn was asked twice, with an attachment."""
    picture = Media(b"\x89PNG\r\n\x1a\n\0\xff", "image/png", "a.png")
    turns = past.talk(llm.db, "one", "two", attachments=(picture,), options={"seed": 7})
    again = past.turn("two again", parent=turns[0].id, conversation=turns[0].conversation)
    past.write(llm.db, [again])
    return [*turns, again]


def told(llm: Llm, conversation: str) -> list[Turn]:
    """All turns of a conversation as the store has them."""
    store = Store(llm.db, changes=False)
    turns = store.tree(conversation)
    store.close()
    return turns


def elsewhere(root: Path) -> Llm:
    """The command of another user, who has no history."""
    home = root / "other"
    home.mkdir()
    return Llm(home)


def test_a_name_works_wherever_an_id_does(llm: Llm) -> None:
    turns = past.talk(llm.db, "hello")
    result = llm("history", "rename", turns[0].conversation[:14], "my parser")
    assert (result.code, result.out) == (0, b"")
    assert names(llm) == ["my parser"]
    assert llm("history", "show", "MY PARSER").text.startswith("# my parser\n")
    assert llm("history", "rename", "my parser", "").code == 0
    assert names(llm) == ["hello"]


def test_rename_refuses_what_cannot_be_a_name(llm: Llm) -> None:
    first = past.talk(llm.db, "first")[0].conversation
    second = past.talk(llm.db, "second")[0].conversation
    assert llm("history", "rename", first, "taken").code == 0
    failed(llm("history", "rename", second, "Taken"), 2, "taken by")
    failed(llm("history", "rename", second, "01JD8"), 2, "looks like an id")
    failed(llm("history", "rename", second, "a\x1bb"), 2, "cannot be a name")
    failed(llm("history", "rename", "nobody", "x"), 3, "nobody")
    failed(llm("history", "rename", first), 2, "NAME")
    assert names(llm) == ["second", "taken"]


def test_an_ambiguous_beginning_lists_what_it_may_mean(llm: Llm) -> None:
    past.talk(llm.db, "first")
    past.talk(llm.db, "second")
    result = llm("history", "show", "0")
    assert result.code == 3
    assert "first" in result.err
    assert "second" in result.err


def test_a_near_miss_of_a_name_is_named(llm: Llm) -> None:
    turns = past.talk(llm.db, "hello")
    llm("history", "rename", turns[0].conversation, "parser")
    failed(llm("history", "show", "parsr"), 3, "parser")


def test_fork_shares_the_turns_and_leaves_the_old_one(llm: Llm) -> None:
    first, second = past.talk(llm.db, "one", "two")
    made = llm("history", "fork", first.conversation, "--name", "side").text.strip()
    assert made != first.conversation
    assert "> two" in llm("history", "show", "side").text
    early = llm("history", "fork", first.conversation, "--at", "1").text.strip()
    assert "> one" in llm("history", "show", early).text
    assert "> two" not in llm("history", "show", early).text
    by_id = llm("history", "fork", first.conversation, "--at", second.id[:20].lower()).text.strip()
    assert "> two" in llm("history", "show", by_id).text
    assert len(llm.turns()) == 2


@pytest.mark.parametrize("at", ["0", "3", "99", "nothing", "-1", "", "٣"])
def test_fork_at_a_turn_that_is_not_there(llm: Llm, at: str) -> None:
    past.talk(llm.db, "one", "two")
    result = llm("history", "fork", "--at", at)
    if at == "":
        assert result.code == 0
    else:
        told = "2 turns" if at.isascii() and at.isdecimal() else "no turn of it begins so"
        failed(result, 3, "--at", told)
    assert len(names(llm)) == (2 if at == "" else 1)


def test_fork_of_a_conversation_without_an_answer(llm: Llm) -> None:
    past.talk(llm.db, "in vain", text="", status="failed")
    failed(llm("history", "fork"), 2, "nothing")


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_what_was_exported_comes_back_equal(llm: Llm, tmp_path: Path, form: str) -> None:
    turns = branched(llm)
    conversation = turns[0].conversation
    llm("history", "rename", conversation, "kept")
    past.talk(llm.db, "another", days=1)
    before, listed = told(llm, conversation), llm("history", "list", "--json").json
    file = tmp_path / f"all.{form}"
    result = llm("history", "export", "--all", "-o", str(file))
    assert (result.code, result.out) == (0, b"")
    assert "2 conversations" in result.err
    other = elsewhere(tmp_path)
    result = other("history", "import", str(file))
    assert result.code == 0, result.err
    assert "3 turns added" in result.err
    assert told(other, conversation) == before
    assert other("history", "list", "--json").json == listed
    again = other("history", "import", str(file))
    assert "0 turns added, 3 there already" in again.err
    assert told(other, conversation) == before
    assert other("history", "export", "--all", "-f", form).out == file.read_bytes()


def test_a_real_conversation_goes_on_elsewhere(llm: Llm, tmp_path: Path) -> None:
    """Asked, continued, exported, imported by another user and continued there."""
    other = elsewhere(tmp_path)
    with GoodServer() as server:
        for user in (llm, other):
            write_card(user, server.url, "lab", models={"m": {}, "echo": {}}, key_env=None)
        assert llm("-m", "lab/echo", "first words").text == "first words"
        conversation = llm("history", "list").text.split("\t")[0]
        assert llm("--id", conversation, "second words").code == 0
        file = tmp_path / "talk.jsonl"
        assert llm("history", "export", conversation, "-o", str(file)).code == 0
        assert other("history", "import", str(file)).code == 0
        assert other("--id", conversation[:12], "third words").code == 0
        told = [message["content"] for message in server.requests[-1]["messages"]]
    assert told[::2] == ["first words", "second words", "third words"]
    assert other("history", "show").text.startswith("# first words\n")
    back = tmp_path / "back.json"
    assert other("history", "export", "-o", str(back)).code == 0
    assert "1 turn added, 2 there already" in llm("history", "import", str(back)).err
    assert "> third words" in llm("history", "show").text


def test_a_fork_is_exported_with_what_it_shares(llm: Llm, tmp_path: Path) -> None:
    past.talk(llm.db, "shared")
    side = llm("history", "fork", "--name", "side").text.strip()
    data = llm("history", "export", "side").out
    other = elsewhere(tmp_path)
    assert other("history", "import", "-", input=data).code == 0
    assert "> shared" in other("history", "show", side).text


def test_markdown_and_pages_are_for_readers(llm: Llm, tmp_path: Path) -> None:
    conversation = branched(llm)[0].conversation
    assert llm("history", "export", "-f", "md").text == llm("history", "show").text
    page = tmp_path / "talk.HTM"
    assert llm("history", "export", conversation, "-o", str(page)).code == 0
    assert page.read_text().startswith("<!doctype html>")
    assert page.stat().st_mode & 0o777 == 0o600
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]


def test_export_writes_a_new_file_or_none(llm: Llm, tmp_path: Path) -> None:
    past.talk(llm.db, "hello")
    file = tmp_path / "talk.json"
    file.write_text("mine")
    failed(llm("history", "export", "-o", str(file)), 2, "exists", "--force")
    assert file.read_text() == "mine"
    assert llm("history", "export", "-o", str(file), "--force").code == 0
    assert json.loads(file.read_text())["format"] == "llm-conversation"
    missing = tmp_path / "no" / "talk.json"
    failed(llm("history", "export", "-o", str(missing)), 10, "talk.json")


def test_export_says_when_the_disk_is_full(llm: Llm) -> None:
    past.talk(llm.db, "hello")
    failed(llm("history", "export", wrap='exec "$@" > /dev/full'), 10, "stdout")


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("-f", "pdf"), 2, "json, jsonl, md, html"),
        (("-o", "talk.txt"), 2, "-f"),
        (("--all", "-f", "html"), 2, "one conversation"),
        (("--all", "01"), 2, "--all"),
        (("nobody",), 3, "nobody"),
    ],
)
def test_export_refuses_in_a_line(llm: Llm, args: tuple[str, ...], code: int, words: str) -> None:
    past.talk(llm.db, "hello")
    past.talk(llm.db, "there")
    failed(llm("history", "export", *args), code, words)


def _without_id(document: dict[str, Any]) -> Any:
    del document["turns"][0]["id"]
    return document


def _circle(document: dict[str, Any]) -> Any:
    document["turns"][0]["parent"] = document["turns"][0]["id"]
    return document


def _newer(document: dict[str, Any]) -> Any:
    return {**document, "version": 99}


def _wrong_cost(document: dict[str, Any]) -> Any:
    document["turns"][0]["cost"] = {"amount": "NaN"}
    return document


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (_without_id, "turns[0].id"),
        (_circle, "turns[0].parent"),
        (_newer, "newer llm"),
        (_wrong_cost, "turns[0].cost.amount"),
        (lambda _: {"hello": 1}, "line 1"),
        (lambda _: [1, 2], "line 1"),
    ],
)
def test_a_hostile_file_is_refused_whole(
    llm: Llm, tmp_path: Path, spoil: Callable[[dict[str, Any]], Any], place: str
) -> None:
    past.talk(llm.db, "hello")
    document = llm("history", "export").json
    other = elsewhere(tmp_path)
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(document))
    bad.write_text(json.dumps(spoil(document)))
    failed(other("history", "import", str(good), str(bad)), 2, "bad.json", place)
    assert other.turns() == []


@pytest.mark.parametrize(
    "data",
    [b"", b"# A transcript\n", b"\xff\xfe\0", b"[" * 100_000, b'{"format": "llm-conv', b"null"],
)
def test_what_is_no_export_is_refused(llm: Llm, data: bytes) -> None:
    failed(llm("history", "import", "-", input=data), 2, "stdin")
    assert llm.turns() == []


def test_import_of_what_cannot_be_read(llm: Llm, tmp_path: Path) -> None:
    failed(llm("history", "import", str(tmp_path)), 2, "directory")
    failed(llm("history", "import", str(tmp_path / "none.json")), 2, "none.json")
    failed(llm("history", "import"), 2, "FILE")
    assert not llm.db.exists()
