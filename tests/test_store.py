"""The history: what is kept comes back as it was, is found again, and is nobody else's."""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from good_server import GoodServer
from hypothesis import given, settings
from hypothesis import strategies as st
from stored import BEGUN, WHOLE, check, running, turn
from support import Llm, write_card

from llmcli.errors import ConfigError, LocalIOError, UsageError
from llmcli.messages import Media
from llmcli.store import MARK_END, MARK_START, Store
from llmcli.turn import Conversation


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the history is."""
    return tmp_path / "data" / "history.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """An empty history."""
    with contextlib.closing(Store(path)) as opened:
        yield opened


def test_every_field_comes_back(store: Store, path: Path) -> None:
    """Through begin and close, in this process and in another connection that only reads."""
    store.begin(running(WHOLE), "terminal")
    assert store.turn(WHOLE.id) == running(WHOLE)
    store.close_turn(WHOLE)
    assert store.turn(WHOLE.id) == WHOLE == store.last_turn()
    with contextlib.closing(Store(path, changes=False)) as reader:
        assert reader.tree(WHOLE.conversation) == [WHOLE]
        assert reader.path(WHOLE.id) == [WHOLE._replace(attempts=())]


def test_a_turn_that_could_not_begin_is_there_after_its_end(store: Store) -> None:
    """`close_turn` alone writes all of it, and twice does no harm."""
    store.close_turn(WHOLE)
    store.close_turn(WHOLE)
    assert store.turn(WHOLE.id) == WHOLE
    assert [one.turns for one in store.conversations()] == [1]


def test_lone_surrogates_become_replacement_characters(store: Store) -> None:
    """Wherever text can be; they come from bytes that are no UTF-8."""
    odd = "a\ud800b"
    store.close_turn(
        turn(1, prompt=odd, text=odd, system=odd, options={odd: odd}, error_message=odd,
             attachments=(Media(b"", "text/plain", odd),))
    )  # fmt: skip
    found = store.turn("T1")
    assert found
    texts = (found.prompt, found.text, found.system, found.options["a\ufffdb"], found.error_message)
    assert {*texts, found.attachments[0].name} == {"a\ufffdb"}


def test_a_checkpoint_keeps_text_and_attempts(store: Store) -> None:
    """What has arrived is there before the end, and the rest is as it was."""
    store.begin(running(WHOLE))
    half = running(WHOLE)._replace(text="Bec", reasoning="Hm", attempts=WHOLE.attempts[:1])
    store.checkpoint(half)
    assert store.turn(WHOLE.id) == half


def test_long_parts_are_stored_once(store: Store, path: Path) -> None:
    """An attachment, a system prompt and a tool list that come with every turn."""
    big = Media(bytes(300_000), "image/png", "a.png")
    for number in range(1, 11):
        store.close_turn(turn(number, attachments=(big,), system="s" * 50_000, tools=WHOLE.tools))
    store.close()
    assert path.stat().st_size < 700_000
    with contextlib.closing(sqlite3.connect(path)) as db:
        kinds = "SELECT kind, count(*) FROM parts GROUP BY kind ORDER BY kind"
        assert db.execute(kinds).fetchall() == [
            ("attachment", 1), ("prompt", 10), ("system", 1), ("tools", 1),
        ]  # fmt: skip


def test_turns_that_start_in_the_same_moment(store: Store) -> None:
    """They are told apart, and stay in the order they came in."""
    for number in range(1, 6):
        store.close_turn(turn(number, started=BEGUN))
    assert [one.id for one in store.tree("C")] == ["T1", "T2", "T3", "T4", "T5"]


def test_conversations_are_listed_by_last_use(store: Store) -> None:
    """With title, number of turns and last model; by terminal, by provider or model."""
    store.begin(turn(1, "C1", prompt="\n  First line \nsecond"), "tty1")
    store.close_turn(turn(1, "C1"))
    store.begin(turn(3, "C2", model="n", prompt="", attachments=WHOLE.attachments[:2]), "tty2")
    store.begin(turn(5, "C1", model="o"), "tty1")
    one, two = store.conversations()
    assert (one.id, one.title, one.turns, one.model) == ("C1", "First line", 2, "fs/o")
    assert (two.id, two.title, two.turns, two.model) == ("C2", "a.png, b.txt", 1, "fs/n")
    assert store.conversations(1) == [one]
    assert store.conversations(terminal="tty2") == [two]
    assert store.conversations(model="fs/n") == [two]
    assert store.conversations(model="fs") == [one, two]
    assert store.conversations(model="f") == []
    assert store.older_than(two.updated) == []
    assert store.older_than(one.updated) == [two]


def test_the_last_conversation_of_a_terminal(store: Store) -> None:
    """Not that of another terminal, and not one that nothing answered."""
    for number, terminal in ((1, "tty1"), (2, "tty2"), (3, "tty1")):
        whole = turn(number, f"C{number}", text="" if number == 3 else "x")
        store.begin(running(whole), terminal)
        store.close_turn(whole)
    found = [store.last_here(terminal) for terminal in ("tty1", "tty2", "tty3")]
    assert [one and one.id for one in found] == ["C1", "C2", None]


def test_find_by_name_id_and_prefix(store: Store) -> None:
    """In any case of letters; what is not unique or not there says what there is."""
    for number, key in enumerate(("01AAB", "01AAC", "01B"), 1):
        store.close_turn(turn(number, key))
    store.rename("01AAC", "Parser work")
    names = ("01AAB", "01b", "parser WORK", " 01aac ")
    assert [store.find(text).id for text in names] == ["01AAB", "01B", "01AAC", "01AAC"]
    with pytest.raises(ConfigError) as many:
        store.find("01aa")
    assert "2 conversations" in many.value.message
    assert "01AAC · Parser work" in many.value.hint
    assert "01AAB · question 1" in many.value.hint
    with pytest.raises(ConfigError) as none:
        store.find("Parser wrk")
    assert 'Did you mean "Parser work"?' in none.value.hint
    with pytest.raises(ConfigError):
        store.find("")


def test_names_are_unique_and_no_ids(store: Store) -> None:
    """A name that is taken or could be an id is refused; an empty one takes it away."""
    store.close_turn(turn(1, "01C1"))
    store.close_turn(turn(2, "C2"))
    store.rename("01C1", "  my \t work ")
    assert store.find("my work").id == "01C1"
    for name in ("MY WORK", "01M7ZA", "0", "c2", "-x", "a" * 101, "a\x1bb"):
        with pytest.raises(UsageError):
            store.rename("C2", name)
    store.rename("01C1", "My Work")
    store.rename("01C1", "")
    store.rename("C2", "my work")
    assert [one.name for one in store.conversations()] == ["my work", ""]


def test_a_conversation_can_be_named_before_it_begins(store: Store) -> None:
    """The first turn then gives it its title."""
    store.rename("C", "later")
    store.close_turn(turn(1, "C"))
    found = store.find("later")
    assert (found.id, found.title, found.head) == ("C", "question 1", "T1")


def test_search_finds_words_in_prompts_and_answers(store: Store) -> None:
    """All words, in any order and case, also as beginnings; newest first; where they stand."""
    store.close_turn(turn(1, prompt="Why does the Parser fail?", text="Because of Größe."))
    store.close_turn(turn(2, "D", prompt="parsers", text="they " * 40 + "fail often"))
    store.rename("D", "named")

    def found(words: str, limit: int = 20, **within: str) -> list[str]:
        return [one.turn for one in store.search(words, limit, **within)]

    assert found("fail parser") == ["T2", "T1"]
    assert found("fail parser", 1) == ["T2"]
    assert found("fail parser", conversation="C") == ["T1"]
    assert found("GROSSE") == []
    assert found("grosse größe") == []
    assert found("GRÖSSE") == []
    assert found("GRÖßE") == ["T1"]
    assert found('"parser fail"') == ["T1"]
    assert found('"fail parser"') == []
    assert found("does nothing") == []
    (hit,) = store.search("often")
    assert (hit.conversation, hit.name, hit.title) == ("D", "named", "parsers")
    assert (hit.provider, hit.model, hit.started) == ("fs", "m", BEGUN + 120)
    assert re.fullmatch(rf"….*fail {MARK_START}often{MARK_END}", hit.snippet)


def test_search_in_scripts_without_spaces_and_for_signs(store: Store) -> None:
    """What an index of words cannot know is found all the same."""
    store.close_turn(turn(1, prompt="今日の天気はどうですか", text="x != y; a->b"))
    for words, shown in (("天気", "天気"), ("天気 X", "天気"), ("!=", "!="), ("->", "->")):
        (hit,) = store.search(words)
        assert f"{MARK_START}{shown}{MARK_END}" in hit.snippet
    assert store.search("天気予報") == []
    assert store.search("  ") == []


@given(st.text(max_size=20))
@settings(max_examples=200, deadline=None)
def test_no_text_is_an_error_of_the_query_language(tmp_path_factory, words: str) -> None:
    """Whatever is typed, it is words to be found."""
    path = tmp_path_factory.getbasetemp() / "search" / "history.db"
    with contextlib.closing(Store(path)) as store:
        store.search(words)


@pytest.mark.parametrize(
    "words", ['"', '""', "*", "a*", "NEAR(", "AND", "a OR b", "a NOT", "prompt:x", "^a", "{", "\0",
              "a AND", "-x", "+", "'", "(a", "a)", "\\", "NEAR/2", '"a', 'a"b"c']
)  # fmt: skip
def test_the_query_language_is_not_spoken(store: Store, words: str) -> None:
    """Its words and signs mean nothing."""
    store.close_turn(turn(1, prompt=f"so {words} it is"))
    store.search(words)
    if any(letter.isalnum() for letter in words):
        assert [one.turn for one in store.search(words)] == ["T1"]


def test_a_backup_is_whole_private_and_never_over_a_file(store: Store, tmp_path: Path) -> None:
    """It needs no other file, and what is there already stays."""
    store.close_turn(WHOLE)
    target = tmp_path / "kept" / "copy.db"
    store.backup(target)
    store.close_turn(turn(2))
    assert target.stat().st_mode & 0o777 == 0o600
    assert [place.name for place in target.parent.iterdir()] == ["copy.db"]
    with contextlib.closing(Store(target, changes=False)) as copy:
        assert copy.turn(WHOLE.id) == WHOLE
        assert copy.turn("T2") is None
    before = target.read_bytes()
    with pytest.raises(UsageError, match="exists"):
        store.backup(target)
    assert target.read_bytes() == before


def test_a_history_that_is_not_there_reads_as_empty(path: Path) -> None:
    """And is not made by reading."""
    with contextlib.closing(Store(path, changes=False)) as reader:
        assert (reader.last_turn(), reader.conversations(), reader.search("x")) == (None, [], [])
        with pytest.raises(ConfigError):
            reader.find("x")
    assert not path.parent.exists()


def test_who_only_reads_cannot_write(store: Store, path: Path) -> None:
    """Not by mistake either."""
    store.close_turn(turn(1))
    with (
        contextlib.closing(Store(path, changes=False)) as reader,
        pytest.raises(LocalIOError, match="readonly"),
    ):
        reader.set_head("C", None)


def test_a_row_that_makes_no_sense_is_one_line(store: Store, path: Path) -> None:
    """What others wrote into the database is no reason for a traceback."""
    store.close_turn(turn(1))
    for column, value in (("options", "{"), ("opaque", "[1]"), ("prompt", 99), ("cost", "x")):
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            (before,) = db.execute(f"SELECT {column} FROM turns").fetchone()
            db.execute(f"UPDATE turns SET {column} = ?", (value,))
        with pytest.raises(LocalIOError, match="makes no sense"):
            store.turn("T1")
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            db.execute(f"UPDATE turns SET {column} = ?", (before,))
    assert store.turn("T1") == turn(1)


def test_turns_of_processes_that_are_gone(store: Store, path: Path) -> None:
    """The next start ends them; what had come can be gone on from and is found."""
    for number, pid in ((1, 2**22 + 1), (2, 1), (3, None)):
        begun = running(turn(number, f"C{number}", parent=None, started=time.time()))
        store.begin(begun)
        store.checkpoint(begun._replace(text="half an answer"))
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE turns SET pid = ? WHERE id = ?", (pid, f"T{number}"))
    assert store.search("half") == []
    with contextlib.closing(Store(path)) as other:
        found = [other.turn(f"T{number}") for number in (1, 2, 3)]
        assert [one and one.status for one in found] == ["incomplete", "running", "incomplete"]
        assert [one.head for one in sorted(other.conversations())] == ["T1", None, "T3"]
        assert {one.turn for one in other.search("half")} == {"T1", "T3"}
    assert check(path) == []


def test_the_end_still_counts_after_it_was_presumed(store: Store, path: Path) -> None:
    """A process that was thought gone closes its turn."""
    store.begin(running(turn(1)))
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE turns SET pid = NULL")
    Store(path).close()
    store.close_turn(turn(1))
    assert store.turn("T1") == turn(1)
    assert check(path) == []


def test_what_is_removed_while_it_is_read(store: Store, path: Path) -> None:
    """Who reads sees all of a turn, as it was when the reading began."""
    store.close_turn(WHOLE)
    with (
        contextlib.closing(Store(path, changes=False)) as reader,
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db,
    ):
        seen: list[str] = []

        def remove(statement: str) -> None:
            seen.append(statement)
            if "FROM attachments" in statement:
                for table in ("attachments", "turns", "parts"):
                    db.execute(f"DELETE FROM {table}")

        reader._db.set_trace_callback(remove)
        assert reader.turn(WHOLE.id) == WHOLE
        assert any("FROM attachments" in statement for statement in seen)
        assert reader.turn(WHOLE.id) is None


@pytest.mark.parametrize("gone", [False, True], ids=["replaced", "away"])
def test_a_history_that_another_moved_while_it_was_open(
    store: Store, path: Path, gone: bool
) -> None:
    """What comes next is written where all others look for it."""
    store.begin(running(turn(1)))
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").rename(f"{path}.old{suffix}")
    if not gone:
        Store(path).close()
    store.close_turn(turn(1), "tty")
    with contextlib.closing(Store(path, changes=False)) as reader:
        assert reader.turn("T1") == turn(1)
        assert reader.find("C").terminal == "tty"
    assert check(path) == []
    with contextlib.closing(Store(path.with_name("history.db.old"), changes=False)) as older:
        assert older.turn("T1") == running(turn(1))


def test_files_are_private(llm: Llm) -> None:
    """Database, its journal files and folders are 0600 and 0700 whatever the umask."""
    with GoodServer() as server:
        write_card(llm, server.url)
        assert llm("-m", "fs/m", "hi", wrap='umask 0; exec "$@"').code == 0
    for place in (llm.home / "data").rglob("*"):
        assert place.stat().st_mode & 0o077 == 0, place
    assert (llm.home / "data").stat().st_mode & 0o077 == 0


def test_conversation_is_a_value(store: Store) -> None:
    """By its exact id, or None."""
    store.begin(turn(1), "tty")
    store.close_turn(turn(1))
    updated = BEGUN + 60
    assert store.conversation("C") == Conversation(
        "C", updated, updated, "", "question 1", "T1", "tty", 1, "fs/m"
    )
    assert store.conversation("c") is None


def test_an_earlier_process_of_the_same_number(store: Store, path: Path) -> None:
    """In a container every process may have this one's number; what it began itself goes on."""
    store.begin(running(turn(1, started=time.time())))
    store.begin(running(turn(2, started=time.time())))
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE turns SET id = 'T-OF-ANOTHER' WHERE id = 'T2'")
    with contextlib.closing(Store(path)) as other:
        found = other.turn("T1"), other.turn("T-OF-ANOTHER")
        assert [one and one.status for one in found] == ["running", "incomplete"]
