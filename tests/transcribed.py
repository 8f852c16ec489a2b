"""Conversations to write down: one with everything in it, and any that could be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, get_args

from hypothesis import strategies as st

from llmcli.ledger import Cause, Entry, Kind
from llmcli.messages import Media, Opaque, Tool, ToolCall
from llmcli.turn import Conversation, Turn
from llmcli.usage import Cached, Cost, Usage

PNG = b"\x89PNG\r\n\x1a\n\x00\xff"
USAGE = Usage(1204, 322, 800, 1, 40, Decimal("0.00410"), 7)
COST = Cost(Decimal("1.5E-7"), "reported", "USD")
ENTRY = Entry(
    1, "groq", "x", "failed", 429, "req-1", "rate_limit", "slow down", Usage(5), COST, 0.25,
    1763731234.5, 0.125, "embed", "retry", (("project", "search"), ("run", "ü 7")), True,
    Decimal("0.000000000001"),
)  # fmt: skip
FULL = Turn(
    id="t2",
    conversation="other",
    provider="groq",
    model="meta/llama-3.3",
    prompt="why?\r\n\ttabs and ünïcode \u2028",
    parent="t1",
    since="t1",
    attachments=(Media(PNG, "image/png", "a.png"), Media(b"", "text/plain", "empty")),
    system="Be terse.",
    options={"temperature": 0.0, "nested": {"list": [1, None, {"a": False}]}},
    extra={"vendor": {"deep": [[]]}},
    tools=(Tool("get", "Gets.", {"type": "object", "properties": {}}, False),),
    started=1763731234.123456,
    status="incomplete",
    text="Because.\n",
    reasoning="Hm.",
    tool_calls=(ToolCall("c1", "get", '{"torn": '),),
    opaque=(Opaque("groq", "meta/llama-3.3", {"signature": "abc", "n": 2**60}),),
    finish_reason="length",
    raw_finish="MAX_TOKENS",
    usage=USAGE,
    cost=COST,
    first_token_s=0.0,
    total_s=2.25,
    attempts=(ENTRY, Entry(2, "groq", "x", usage=USAGE._replace(output=0), seconds=2.0)),
    exit_code=0,
    cached=Cached(None, Cost(Decimal("0.002"), "card"), Usage(5, 6)),
    error_kind="incomplete",
    error_message="closed",
)
CONVERSATION = Conversation(
    "c1", 1763731234.5, 1763731240.25, "work", "why?", "t2", "tty1", 2, "groq/x"
)


def turn(number: int = 1, **fields: Any) -> Turn:
    """A turn that ended well, with only what the test is about."""
    known: dict[str, Any] = {
        "id": f"t{number}",
        "conversation": "c1",
        "provider": "groq",
        "model": "llama",
        "prompt": "why?",
        "parent": f"t{number - 1}" if number > 1 else None,
        "status": "complete",
        "text": "Because.",
        "finish_reason": "stop",
    }
    return Turn(**{**known, **fields})


_texts = st.text(max_size=20)
_maybe_text = st.none() | _texts
_counts = st.none() | st.integers(0, 2**63 - 1)
_seconds = st.floats(0, 1e11)
_ids = st.text("abcXYZ019-_", min_size=1, max_size=26)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | _texts
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
_objects = st.dictionaries(_texts, _json, max_size=3)
_money = st.decimals(-1000, 1000, allow_nan=False, places=9)
_usages = st.builds(Usage, _counts, _counts, _counts, _counts, _counts, st.none() | _money, _counts)
_costs = st.builds(Cost, _money, st.sampled_from(("card", "reported", "local")), st.just("USD"))
_statuses = st.sampled_from(("running", "complete", "interrupted", "incomplete", "failed"))
_names = st.text(min_size=1, max_size=10)
_entries = st.builds(
    Entry, st.integers(0, 99), _texts, _texts, _statuses, _counts, _maybe_text, _maybe_text,
    _maybe_text, st.none() | _usages, st.none() | _costs, _seconds, _seconds, st.none() | _seconds,
    st.sampled_from(get_args(Kind)), st.sampled_from(get_args(Cause)),
    st.dictionaries(_texts, _texts, max_size=2).map(lambda tags: tuple(sorted(tags.items()))),
    st.booleans(), st.none() | _money,
)  # fmt: skip


def _tuples(values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(values, max_size=3).map(tuple)


_turns = st.builds(
    Turn,
    id=_ids,
    conversation=_ids,
    provider=_names,
    model=_names,
    prompt=_texts,
    parent=st.none(),
    since=st.none() | _ids,
    attachments=_tuples(st.builds(Media, st.binary(max_size=9), _texts, _texts)),
    system=_texts,
    options=_objects,
    extra=_objects,
    tools=_tuples(st.builds(Tool, _names, _texts, _objects, st.none() | st.booleans())),
    started=_seconds,
    status=_statuses,
    text=_texts,
    reasoning=_texts,
    tool_calls=_tuples(st.builds(ToolCall, _texts, _texts, _texts)),
    opaque=_tuples(st.builds(Opaque, _texts, _texts, _objects)),
    finish_reason=_maybe_text,
    raw_finish=_texts,
    usage=st.none() | _usages,
    cost=st.none() | _costs,
    first_token_s=st.none() | _seconds,
    total_s=_seconds,
    attempts=_tuples(_entries),
    exit_code=_counts,
    error_kind=_maybe_text,
    error_message=_maybe_text,
    cached=st.none()
    | st.builds(Cached, st.none() | _seconds, st.none() | _costs, st.none() | _usages),
)


def _linked(turns: list[Turn], parents: list[int]) -> list[Turn]:
    """The turns as a tree: each has one before it as its parent, or none."""
    numbers = [min(parent, number) for number, parent in enumerate(parents[: len(turns)])]
    ids = [None, *(turn.id for turn in turns)]
    return [turn._replace(parent=ids[n]) for turn, n in zip(turns, numbers, strict=True)]


trees = st.builds(
    _linked,
    st.lists(_turns, max_size=4, unique_by=lambda turn: turn.id),
    st.lists(st.integers(0, 9), min_size=4, max_size=4),
)
conversations = st.builds(
    Conversation, _ids, _seconds, _seconds, _texts, _texts, st.none() | _ids, _texts,
    st.integers(0, 2**40), _texts,
)  # fmt: skip
json_values = _json
