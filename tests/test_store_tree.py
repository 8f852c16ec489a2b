"""The tree of turns: heads move, forks share, merging twice is once, removed words are gone."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from stored import BEGUN, WHOLE, check, running, turn

from llmcli.errors import LocalIOError, UsageError
from llmcli.messages import Media
from llmcli.store import Merged, Store
from llmcli.turn import Conversation


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the history is."""
    return tmp_path / "history.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """A history with one conversation `C` of the turns T1, T2, T3."""
    with contextlib.closing(Store(path)) as opened:
        for number in (1, 2, 3):
            opened.close_turn(turn(number))
        yield opened
        if path.exists():
            assert check(path) == []


def ids(store: Store, head: str | None) -> list[str]:
    """The ids of the turns that lead to this one."""
    return [one.id for one in store.path(head)]


def head(store: Store, conversation: str = "C") -> str | None:
    """Where the conversation goes on from."""
    found = store.conversation(conversation)
    assert found
    return found.head


def spent(path: Path) -> list[tuple[str, str]]:
    """The turns and costs of all attempts."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT turn, cost FROM attempts ORDER BY turn").fetchall()


def test_the_head_moves_with_answers_only(store: Store) -> None:
    """A turn that got nothing is kept, and the conversation goes on from the one before."""
    assert head(store) == "T3"
    store.close_turn(turn(4, status="failed", text="", error_kind="server"))
    assert head(store) == "T3"
    assert [one.id for one in store.tree("C")] == ["T1", "T2", "T3", "T4"]
    store.close_turn(turn(5, parent="T3", status="incomplete", text="half"))
    assert ids(store, head(store)) == ["T1", "T2", "T3", "T5"]


def test_stepping_back_and_forth_deletes_nothing(store: Store) -> None:
    """Undo is a head that moves; another answer is a second child; both can be gone to."""
    store.set_head("C", "T1")
    store.close_turn(turn(9, parent="T1"))
    store.close_turn(turn(10, parent="T1", text=" "))
    assert ids(store, head(store)) == ["T1", "T9"]
    assert store.children("T1", "C") == ["T9", "T2"]
    assert store.children("T3", "C") == []
    store.set_head("C", "T3")
    assert ids(store, head(store)) == ["T1", "T2", "T3"]
    store.set_head("C", None)
    assert store.path(head(store)) == []
    assert store.children(None, "C") == ["T1"]
    with pytest.raises(LocalIOError):
        store.set_head("C", "T99")
    with pytest.raises(LocalIOError):
        store.set_head("D", "T1")


def test_a_fork_shares_the_turns(store: Store) -> None:
    """It has a name and a life of its own."""
    forked = store.fork("C", "T2", "branch", "tty9")
    assert (forked.name, forked.title, forked.head) == ("branch", "question 1", "T2")
    assert (forked.terminal, forked.turns, forked.model) == ("tty9", 0, "fs/m")
    store.close_turn(turn(7, forked.id, parent="T2"))
    assert ids(store, head(store, forked.id)) == ["T1", "T2", "T7"]
    assert head(store) == "T3"
    assert store.children("T2", forked.id) == ["T7"]
    assert store.children("T2", "C") == ["T3"]
    with pytest.raises(UsageError, match="taken"):
        store.fork("C", "T1", "Branch")
    assert len(store.conversations()) == 2


def test_two_chats_in_one_conversation(store: Store, path: Path) -> None:
    """Each goes on from its own last turn; the conversation from the one that ended last."""
    with contextlib.closing(Store(path)) as other:
        store.begin(running(turn(4)), "tty1")
        other.begin(running(turn(5, parent="T3")), "tty2")
        other.close_turn(turn(5, parent="T3"), "tty2")
        store.close_turn(turn(4), "tty1")
        other.begin(running(turn(6, parent="T5")), "tty2")
        assert ids(other, head(other)) == ["T1", "T2", "T3", "T4"]
        other.close_turn(turn(6, parent="T5"), "tty2")
    assert ids(store, head(store)) == ["T1", "T2", "T3", "T5", "T6"]
    assert store.children("T3", "C") == ["T5", "T4"]
    assert {one.id for one in store.whole(store.find("C"))} == {f"T{n}" for n in range(1, 7)}


def test_all_of_a_fork_is_whole(store: Store) -> None:
    """Shared turns too come with attempts, and with branches that lead to none of its own turns."""
    forked = store.fork("C", "T2")
    store.close_turn(turn(7, forked.id, parent="T2"))
    store.close_turn(turn(8, forked.id, parent="T3"))
    assert store.whole(store.find(forked.id)) == [
        turn(1), turn(2), turn(3), turn(7, forked.id, parent="T2"), turn(8, forked.id, parent="T3")
    ]  # fmt: skip
    assert store.whole(store.find("C")) == [turn(1), turn(2), turn(3)]
    store.set_head(forked.id, None)
    assert len(store.whole(store.find(forked.id))) == 5


def test_a_thousand_turns_in_one_line(store: Store) -> None:
    """Root first; a head that is not there leads nowhere."""
    rest = [turn(number) for number in range(4, 1001)]
    store.merge(store.find("C")._replace(head="T1000"), rest)
    assert head(store) == "T1000"
    assert ids(store, "T1000") == [f"T{number}" for number in range(1, 1001)]
    assert ids(store, "T0") == []


def test_a_tree_that_bites_its_tail(store: Store, path: Path) -> None:
    """Only somebody else's program can make one; it ends in an error, not never."""
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE turns SET parent = 'T3' WHERE id = 'T1'")
    with pytest.raises(LocalIOError, match="comes before itself"):
        store.path("T3")


def test_merging_twice_is_merging_once(store: Store, tmp_path: Path) -> None:
    """What one history has another can take in, equal, and again without any change."""
    store.rename("C", "work")
    one, turns = store.find("work"), store.tree("C")
    with contextlib.closing(Store(tmp_path / "other" / "history.db")) as other:
        assert other.merge(one, turns) == Merged(3, 0)
        assert other.merge(one, turns) == Merged(0, 3)
        assert other.tree("C") == turns
        assert other.find("work") == one
        assert {found.turn for found in other.search("answer")} == {"T1", "T2", "T3"}
        other.set_head("C", "T1")
        assert other.merge(one, turns) == Merged(0, 3)
        assert head(other) == "T1"


def test_merging_goes_on_but_never_elsewhere(store: Store) -> None:
    """A later head is taken where it follows from the present one."""
    one = store.find("C")
    assert store.merge(one._replace(head="T4"), [turn(4)]) == Merged(1, 0)
    assert head(store) == "T4"
    assert store.merge(one._replace(head="T9"), [turn(9, parent="T2")]) == Merged(1, 0)
    assert head(store) == "T4"
    assert store.merge(one._replace(head="T10"), [turn(10, parent=None)]) == Merged(1, 0)
    assert head(store) == "T4"


def test_an_end_replaces_a_beginning_and_never_the_other_way(store: Store) -> None:
    """Also when the end was only presumed, for the process seemed to be gone."""
    one = store.find("C")
    store.begin(running(turn(4)))
    assert store.merge(one._replace(head="T4"), [turn(4)]) == Merged(1, 0)
    assert store.turn("T4") == turn(4)
    assert head(store) == "T4"
    assert store.merge(one, [running(turn(4))]) == Merged(0, 1)
    assert store.turn("T4") == turn(4)
    store.begin(running(turn(5)))


def test_what_was_presumed_lost_is_replaced(store: Store, path: Path) -> None:
    """A turn of a process that ended without a word, whose end waits in a file."""
    store.begin(running(turn(4)))
    store.checkpoint(running(turn(4))._replace(text="hal"))
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE turns SET pid = NULL WHERE status = 'running'")
    with contextlib.closing(Store(path)) as later:
        found = later.turn("T4")
        assert found
        assert (found.status, found.text, head(later)) == ("incomplete", "hal", "T4")
        one = later.find("C")
        assert later.merge(one._replace(head="T4"), [turn(4)]) == Merged(1, 0)
        assert later.turn("T4") == turn(4)
        assert later.merge(one, [turn(4, text="changed")]) == Merged(0, 1)
        assert later.turn("T4") == turn(4)


def test_merging_a_fork_brings_the_conversation_it_came_from(store: Store, tmp_path: Path) -> None:
    """Its first turns belong to another conversation, which can be gone on with too."""
    forked = store.fork("C", "T2")
    store.close_turn(turn(7, forked.id, parent="T2"))
    forked = store.find(forked.id)
    with contextlib.closing(Store(tmp_path / "other" / "history.db")) as other:
        other.merge(forked, store.path("T7"))
        assert ids(other, head(other, forked.id)) == ["T1", "T2", "T7"]
        assert head(other, "C") == "T2"
        assert other.find(forked.id).turns == 1
        assert check(tmp_path / "other" / "history.db") == []


def test_a_name_that_is_taken_gets_a_number(store: Store) -> None:
    """Two conversations of one name, from two histories."""
    store.rename("C", "work")
    store.merge(Conversation("D", BEGUN, BEGUN, "Work", "t", "T11"), [turn(11, "D", parent=None)])
    assert store.find("Work-2").id == "D"


def test_removing_takes_the_words_and_leaves_the_money(store: Store, path: Path) -> None:
    """Not a byte of them is in the file, in its journal or in the index afterwards."""
    canary = "xyzzyplugh"
    texts = {name: f"{canary} {name}" for name in ("prompt", "text", "system", "reasoning")}
    marked = WHOLE._replace(
        **texts,
        id="T9", conversation="D", error_message=canary, raw_finish=canary,
        options={"user": canary}, extra={canary: canary},
        attachments=(Media(canary.encode() * 5000, "image/png", canary),),
        tools=(WHOLE.tools[0]._replace(description=canary),),
        tool_calls=(WHOLE.tool_calls[0]._replace(arguments=canary),),
        opaque=(WHOLE.opaque[0]._replace(data={"s": canary}),),
        attempts=(WHOLE.attempts[0]._replace(error_message=canary, request_id=canary),),
    )  # fmt: skip
    store.begin(running(marked))
    store.checkpoint(marked)
    store.close_turn(marked)
    assert len(store.search(canary)) == 1
    assert store.remove(["D"]) == 1
    assert store.conversation("D") is None
    assert store.turn("T9") is None
    assert store.search(canary) == []
    assert ids(store, head(store)) == ["T1", "T2", "T3"]
    assert [one for one, _ in spent(path)] == ["T1", "T2", "T3", "T9"]
    for place in path.parent.iterdir():
        assert canary.encode() not in place.read_bytes().lower(), place
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM parts").fetchone() == (3,)


def test_a_journal_that_another_reads(store: Store, path: Path) -> None:
    """Words that could not be wiped out of it are never said to be gone."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM turns").fetchone()
        with pytest.raises(LocalIOError, match=r"done, but the words are still in .*-wal"):
            store.remove(["C"])
    assert store.conversations() == []
    assert store.remove([]) == 0
    for place in path.parent.iterdir():
        assert b"question 1" not in place.read_bytes(), place


def test_a_turn_that_is_removed_while_it_runs(store: Store, path: Path) -> None:
    """It stays removed; its cost is kept, and what is asked after it is a turn as any other."""
    failed = WHOLE.attempts[0]._replace(cost=turn(4).attempts[0].cost)
    whole = turn(4, attempts=(failed,))
    store.begin(running(whole), "tty")
    with contextlib.closing(Store(path)) as other:
        assert other.remove(["C"]) == 4
    store.checkpoint(whole)
    assert len(spent(path)) == 3
    store.close_turn(whole, "tty")
    assert (store.last_turn(), store.conversations()) == (None, [])
    assert spent(path) == [("T1", "1"), ("T2", "2"), ("T3", "3"), ("T4", "4")]
    with contextlib.closing(sqlite3.connect(path)) as db:
        texts = db.execute("SELECT error_message, request_id FROM attempts WHERE turn = 'T4'")
        assert texts.fetchall() == [(None, None)]
    store.begin(running(turn(5)), "tty")
    store.close_turn(turn(5), "tty")
    assert ids(store, head(store)) == ["T5"]
    assert check(path) == []


def test_shared_turns_stay_with_who_shares_them(store: Store, path: Path) -> None:
    """What leads to another conversation's head or turn moves to it; the rest goes."""
    forked = store.fork("C", "T2", "fork")
    store.close_turn(turn(7, forked.id, parent="T1"))
    store.set_head(forked.id, "T2")
    other = store.fork("C", "T1", "other")
    assert store.remove(["C"]) == 1
    first, second = store.path("T2")
    assert first.conversation in (forked.id, other.id)
    assert second.conversation == forked.id
    assert store.turn("T3") is None
    assert ids(store, "T7") == ["T1", "T7"]
    assert check(path) == []
    assert store.remove([forked.id]) == 2
    assert ids(store, head(store, other.id)) == ["T1"]
    assert store.remove([other.id, "unknown"]) == 1
    assert (store.last_turn(), store.conversations()) == (None, [])
    assert len(spent(path)) == 4


def test_redacting_masks_a_text_everywhere(store: Store, path: Path) -> None:
    """In every field of every kind, however JSON escapes it; and its bytes are gone."""
    secret = 'pa"ss\\wörd'
    inside = '{"a": "pa\\"ss\\\\w\\u00f6rd"}'
    marked = WHOLE._replace(
        id="T9", conversation="D", parent=None, prompt=f"{secret}!", system=secret,
        text=f"so {secret}",
        reasoning=secret, error_message=secret, raw_finish=secret, options={"user": secret},
        extra={"a": [secret]},
        attachments=(Media(f"key={secret}".encode(), "text/plain", secret),),
        tools=(WHOLE.tools[0]._replace(description=secret),),
        tool_calls=(WHOLE.tool_calls[0]._replace(arguments=inside),),
        opaque=(WHOLE.opaque[0]._replace(data={"s": secret}),),
        attempts=(WHOLE.attempts[0]._replace(error_message=secret),),
    )  # fmt: skip
    store.close_turn(marked)
    store.close_turn(turn(10, "D", prompt="MASK!", parent="T9"))
    store.rename("D", "w wörd")
    places = store.redact(secret, "MASK")
    assert places == 15
    found = store.turn("T9")
    assert found
    masked = repr(found)
    assert secret not in masked
    assert masked.count("MASK") == 14
    assert found.tool_calls[0].arguments == '{"a": "MASK"}'
    assert found.attachments == (Media(b"key=MASK", "text/plain", "MASK"),)
    assert store.find("D").title == "MASK!"
    assert {one.turn for one in store.search("mask")} == {"T9", "T10"}
    assert store.search("wörd") == []
    for place in path.parent.iterdir():
        assert secret.encode() not in place.read_bytes()
        assert "ss\\wörd".encode() not in place.read_bytes()
    assert store.redact(secret, "MASK") == 0
    with pytest.raises(UsageError):
        store.redact("")
