"""A chat without a screen: what each question carries, and where in the tree of turns one is."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback import Asked, Loopback
from sessions import Silent, nowhere
from support import KEY, write_card
from voices import VOICES
from word_server import WordServer

from llmcli.errors import AuthError, IncompleteError, ProviderError, UsageError
from llmcli.messages import Media
from llmcli.render import Display, Renderer, choose
from llmcli.session import Session
from llmcli.turn import SUMMARISE, Conversation


@pytest.fixture
def server() -> Iterator[WordServer]:
    with WordServer() as server:
        yield server


@pytest.fixture
def silent(server: WordServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Silent]:
    monkeypatch.setenv("FS_KEY", "x")  # so that it is as before afterwards
    made = Silent(server, tmp_path)
    yield made
    made.close()


@pytest.fixture(params=[True, False], ids=["kept", "not kept"])
def session(silent: Silent, request: pytest.FixtureRequest) -> Session:
    """A session with a history, and one without: both must be able to go back and forth."""
    return silent.open(kept=request.param)


class Flushes(Renderer):
    """A renderer that counts how often it is to make all visible."""

    def __init__(self) -> None:
        self.count = 0

    def flush(self) -> None:
        self.count += 1


def ask(session: Session, *prompts: str) -> None:
    for prompt in prompts:
        session.ask(prompt, nowhere())


def prompts(session: Session) -> list[str]:
    return [turn.prompt for turn in session.turns]


def test_a_question_tells_all_turns_before_it(session: Session, server: WordServer) -> None:
    ask(session, "one", "two", "three")
    assert server.sent() == [
        ("user", "one"),
        ("assistant", "one"),
        ("user", "two"),
        ("assistant", "two"),
        ("user", "three"),
    ]


def test_attachments_go_with_one_message(session: Session, server: WordServer) -> None:
    session.attachments = [Media(b"inside", "text/plain", "a.txt")]
    ask(session, "one", "two")
    assert [len(said) for said in map(server.said, (0, 1))] == [1, 2]
    assert "inside" in str(server.said(0))
    assert server.said(1)[1] == "two"
    assert session.attachments == []


def test_a_failure_leaves_all_as_it_was(session: Session, server: WordServer) -> None:
    ask(session, "one")
    session.attachments = [Media(b"inside", "text/plain", "a.txt")]
    server.answers = [400]
    with pytest.raises(ProviderError):
        ask(session, "two")
    assert prompts(session) == ["one"]
    assert len(session.attachments) == 1
    ask(session, "three")
    assert "inside" in str(server.said()[-1])
    assert "two" not in str(server.said())


def test_undo_and_redo_walk_the_path(session: Session, server: WordServer) -> None:
    ask(session, "one", "two", "three")
    assert [turn.prompt for turn in session.undo(2)] == ["three", "two"]
    assert prompts(session) == ["one"]
    session.redo()
    assert prompts(session) == ["one", "two"]
    session.redo()
    assert prompts(session) == ["one", "two", "three"]
    assert session.ways_forward() == []
    session.undo(2)
    ask(session, "else")
    assert server.said() == ["one", "else"]


def test_what_was_left_is_a_way_forward(session: Session) -> None:
    ask(session, "one", "two")
    session.undo()
    ask(session, "else")
    session.undo()
    ways = session.ways_forward()
    assert [way.prompt for way in ways] == ["else", "two"]
    session.redo(ways[1].id)
    assert prompts(session) == ["one", "two"]


@pytest.mark.parametrize("count", [0, -1, 3, 10**9])
def test_undo_of_more_than_there_is(session: Session, count: int) -> None:
    ask(session, "one", "two")
    with pytest.raises(UsageError, match="only 2 turns"):
        session.undo(count)
    assert prompts(session) == ["one", "two"]


def test_nothing_to_undo_or_redo(session: Session) -> None:
    with pytest.raises(UsageError, match="nothing to undo"):
        session.undo()
    with pytest.raises(UsageError, match="nothing to redo"):
        session.redo()


def test_a_turn_asked_again(session: Session, server: WordServer) -> None:
    """It carries what it carried, in its place; what was behind it is not told."""
    session.attachments = [Media(b"inside", "text/plain", "a.txt")]
    ask(session, "one", "two")
    session.go(session.again(0, "changed"), nowhere())
    assert prompts(session) == ["changed"]
    assert len(server.said()) == 1
    assert "inside" in str(server.said())
    assert "changed" in str(server.said())
    session.undo()
    assert [way.prompt for way in session.ways_forward()] == ["changed", "one"]


def test_a_turn_asked_again_leaves_the_queue_alone(session: Session, server: WordServer) -> None:
    ask(session, "one")
    session.attachments = [Media(b"inside", "text/plain", "a.txt")]
    session.go(session.again(0), nowhere())
    assert "inside" not in str(server.said())
    assert len(session.attachments) == 1


def test_to_forget_and_to_remember(session: Session, server: WordServer) -> None:
    ask(session, "one", "two")
    session.forget()
    ask(session, "three")
    assert server.said() == ["three"]
    assert prompts(session) == ["one", "two", "three"]
    session.since = None
    ask(session, "four")
    assert server.said() == ["one", "two", "three", "four"]


def test_a_summary_stands_for_what_it_sums_up(session: Session, server: WordServer) -> None:
    ask(session, "one", "two")
    server.answers = ["So far: both."]
    session.summarise(nowhere())
    assert server.said() == ["one", "two", SUMMARISE]
    ask(session, "three")
    assert server.sent() == [
        ("user", SUMMARISE),
        ("assistant", "So far: both."),
        ("user", "three"),
    ]
    assert prompts(session) == ["one", "two", SUMMARISE, "three"]


def test_to_step_back_before_a_summary_tells_all_again(
    session: Session, server: WordServer
) -> None:
    ask(session, "one", "two")
    session.summarise(nowhere())
    ask(session, "three")
    session.undo(2)
    ask(session, "four")
    assert server.said() == ["one", "two", "four"]
    session.undo()
    session.redo(next(way.id for way in session.ways_forward() if way.prompt == SUMMARISE))
    ask(session, "five")
    assert server.said() == [SUMMARISE, "five"]
    session.go(session.again(1, "instead"), nowhere())
    assert server.said() == ["one", "instead"]


def test_a_summary_is_not_bound_by_a_schema_and_takes_no_attachment(
    session: Session, server: WordServer
) -> None:
    ask(session, "one")
    session.options = {"response_schema": {"type": "object"}, "temperature": 0.5}
    session.attachments = [Media(b"inside", "text/plain", "a.txt")]
    session.summarise(nowhere())
    assert "response_format" not in server.requests[-1]
    assert server.requests[-1]["temperature"] == 0.5
    assert "inside" not in str(server.said())
    assert len(session.attachments) == 1


def test_a_summary_that_fails_changes_nothing(session: Session, server: WordServer) -> None:
    ask(session, "one", "two")
    server.answers = [400]
    with pytest.raises(ProviderError):
        session.summarise(nowhere())
    ask(session, "three")
    assert server.said() == ["one", "two", "three"]


def test_a_summary_that_was_cut_changes_nothing(session: Session, server: WordServer) -> None:
    ask(session, "one", "two")
    server.reason = "length"
    with pytest.raises(IncompleteError, match="not whole"):
        session.summarise(nowhere())
    server.reason = "stop"
    assert prompts(session) == ["one", "two"]
    ask(session, "three")
    assert server.said() == ["one", "two", "three"]


def test_a_fork_shares_what_was(session: Session, server: WordServer) -> None:
    ask(session, "one", "two")
    before = session.conversation.id
    made = session.fork("a fork")
    assert made.id != before
    assert made.name == "a fork"
    ask(session, "three")
    assert server.said() == ["one", "two", "three"]
    assert [turn.conversation for turn in session.turns] == [before, before, made.id]


def test_each_turn_is_billed_once(session: Session) -> None:
    ask(session, "one", "two")
    session.undo()
    session.redo()
    session.go(session.again(1), nowhere())
    assert [bill.spec for bill in session.bills] == ["fs/m"] * 3
    assert [bill.usage.input for bill in session.bills if bill.usage] == [1, 3, 3]
    session.new()
    assert session.bills == []


def test_a_blank_answer_is_told_to_be_nothing(session: Session, server: WordServer) -> None:
    ask(session, "one")
    server.answers = [" \n"]
    told = io.StringIO()
    session.ask("two", choose(Display("plain", io.StringIO(), told)))
    assert "answered with nothing" in told.getvalue()
    assert prompts(session) == ["one"]


def test_after_a_refused_key_it_is_looked_up_anew(
    silent: Silent, server: WordServer, tmp_path: Path
) -> None:
    """The one in use may have run out, and the user put another in its place."""
    found = tmp_path / "found"
    command = ["sh", "-c", f"echo looked >> {found}; echo {KEY}"]
    write_card(silent.llm, f"{server.host}/v1", key_env=None, key={"command": command})
    session = silent.open()
    ask(session, "one", "two")
    assert found.read_text().split() == ["looked"]
    server.answers = [401]
    with pytest.raises(AuthError):
        ask(session, "three")
    ask(session, "three")
    assert found.read_text().split() == ["looked"] * 2


def test_to_count_has_nothing_to_do_with_the_last_answer(silent: Silent) -> None:
    """Neither is it shown once more nor kept, whatever was taken out of the history meanwhile."""

    def answer(asked: Asked) -> tuple[int, Any]:
        counted = asked.path.endswith("count_tokens")
        return 200, {"input_tokens": 7} if counted else VOICES["anthropic"]().whole()

    renderer = Flushes()
    with Loopback(answer) as server:
        write_card(silent.llm, server.host, adapter="anthropic")
        session = silent.open()
        session.ask("one", renderer)
        before = renderer.count
        assert session.count(session.next("two")) == 7
    assert renderer.count == before > 0


@pytest.fixture
def kept(silent: Silent) -> Session:
    return silent.open()


def test_a_conversation_is_loaded_where_it_was_left(
    kept: Session, silent: Silent, server: WordServer
) -> None:
    """By another process: the path, what it is told from, the settings, the bills."""
    kept.system = "Be brief."
    ask(kept, "one", "two", "three")
    kept.undo()
    kept.go(kept.again(1, "changed"), nowhere())
    other = silent.open()
    other.load(_stored(other, kept.conversation.id))
    assert prompts(other) == ["one", "changed"]
    assert len(other.bills) == 4
    ask(other, "more")
    assert [content for _, content in server.sent()[::2]] == ["Be brief.", "one", "changed"]
    other.undo(2)
    assert {way.prompt for way in other.ways_forward()} == {"two", "changed"}


def test_a_summary_is_still_one_in_another_process(
    kept: Session, silent: Silent, server: WordServer
) -> None:
    """Also where nothing was asked after it, in a chat and by `llm -c`."""
    ask(kept, "one", "two")
    kept.summarise(nowhere())
    other = silent.open()
    other.load(_stored(other, kept.conversation.id))
    ask(other, "three")
    assert server.said() == [SUMMARISE, "three"]
    other.undo()
    assert silent.llm("--id", kept.conversation.id, "four").code == 0
    assert server.said() == [SUMMARISE, "four"]


def test_a_fork_costs_what_it_shares(kept: Session, silent: Silent) -> None:
    ask(kept, "one", "two")
    made = kept.fork()
    ask(kept, "three")
    other = silent.open()
    other.load(_stored(other, made.id))
    assert prompts(other) == ["one", "two", "three"]
    assert len(other.bills) == 3


def test_what_failed_before_anything_came_costs_nothing(
    kept: Session, silent: Silent, server: WordServer
) -> None:
    """In this process, in the next one, and in the list: else one refusal made it unknown."""
    ask(kept, "one")
    server.answers = [400]
    with pytest.raises(ProviderError):
        ask(kept, "two")
    other = silent.open()
    other.load(_stored(other, kept.conversation.id))
    assert [len(session.bills) for session in (kept, other)] == [1, 1]
    listed = other.stored(lambda store: store.spent([kept.conversation.id]))
    assert listed == {kept.conversation.id: kept.spent}


def test_without_a_history_it_is_loaded_and_stays_as_it_is(kept: Session, silent: Silent) -> None:
    ask(kept, "one")
    other = silent.open(kept=False)
    other.load(_stored(kept, kept.conversation.id))
    ask(other, "two")
    other.undo(2)
    assert _stored(kept, kept.conversation.id).turns == 1
    assert _stored(kept, kept.conversation.id).head == kept.head


def test_a_store_that_cannot_be_used_is_a_warning(silent: Silent, tmp_path: Path) -> None:
    silent.llm.db.parent.mkdir(parents=True)
    silent.llm.db.parent.chmod(0o500)
    if os.access(silent.llm.db.parent, os.W_OK):
        silent.llm.db.parent.chmod(0o700)
        silent.llm.db.parent.rmdir()
        silent.llm.db.parent.touch()
    session = silent.open()
    ask(session, "one", "two")
    session.undo()
    assert prompts(session) == ["one"]
    assert silent.warnings


def _stored(session: Session, conversation: str) -> Conversation:
    found = session.stored(lambda store: store.conversation(conversation))
    assert found
    return found
