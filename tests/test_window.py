"""How large a request is, and whether it fits."""

from __future__ import annotations

from decimal import Decimal

import pytest

from llmcli import window
from llmcli.cards import Model
from llmcli.messages import Media, Message, Request, Text, Tool
from llmcli.turn import SUMMARISE, Turn, context
from llmcli.usage import Cached, Price, Usage
from llmcli.window import Size

PICTURE = Media(b"\x89PNG" + b"0" * 100, "image/png", "a.png")
TEXT = "The quick brown fox jumps over the lazy dog. "


def turn(number: int, words: int = 10, **facts: object) -> Turn:
    """An answered turn of about so many words."""
    asked = Turn(f"t{number}", "c", "p", "m", f"{TEXT * (words // 10)}{number}")
    values = {"parent": f"t{number - 1}" if number else None, "text": "yes", "status": "complete"}
    return asked._replace(**{**values, **facts})


def request(turns: list[Turn], prompt: str, system: str = "", since: str | None = None) -> Request:
    head = (Message("system", (Text(system),)),) if system else ()
    return Request("m", (*head, *context(turns, since), Message("user", (Text(prompt),))))


COUNTED = Usage(input=1000, output=200)


def test_what_the_provider_counted_goes_before_an_estimate() -> None:
    turns = [turn(0), turn(1, usage=COUNTED)]
    assert window.used(turns, None) == 1200
    new = window.estimated(Request("", (Message("user", (Text(TEXT),)),)))
    assert window.ahead(request(turns, TEXT), turns, None) == Size(1200 + new.tokens)


def test_a_kept_reply_is_as_large_as_when_it_came() -> None:
    cached = Cached(1.0, None, COUNTED)
    assert window.used([turn(0, usage=Usage(0, 0), cached=cached)], None) == 1200


@pytest.mark.parametrize(
    ("last", "since"),
    [
        (turn(1), None),  # nothing counted
        (turn(1, usage=Usage(input=1000)), None),  # half of it
        (turn(1, usage=COUNTED, status="interrupted"), None),  # before it was all there
        (turn(1, usage=COUNTED), "t0"),  # told of more than the next one
        (turn(1, usage=COUNTED, since="t0"), None),  # told of less
        (turn(1, usage=COUNTED, prompt=SUMMARISE, parent="t0"), "t0"),  # told of what it sums up
    ],
)
def test_a_count_of_something_else_is_not_taken(last: Turn, since: str | None) -> None:
    turns = [turn(0), last]
    asked = request(turns, TEXT, since=since)
    assert window.ahead(asked, turns, since) == window.estimated(asked)
    assert window.used(turns, since) != 1200


def test_a_system_prompt_that_grew_is_added_to_the_count() -> None:
    turns = [turn(0, usage=COUNTED)]
    before = window.ahead(request(turns, "x"), turns, None).tokens
    assert window.ahead(request(turns, "x", system=TEXT), turns, None).tokens > before + 5


def test_pictures_are_at_least_nothing() -> None:
    asked = Request("m", (Message("user", (PICTURE, Text(TEXT))),))
    size = window.estimated(asked)
    assert not size.whole
    assert 8 < size.tokens < 20
    assert window.at_most(size, (PICTURE,)) > 5000
    assert window.of_media(Media(TEXT.encode(), "text/plain", "a")).whole


def test_a_document_may_be_large_and_a_text_is_what_it_is() -> None:
    document = Media(b"0" * 1_000_000, "application/pdf")
    text = Media(b"0" * 1_000_000, "text/plain")
    assert window.at_most(Size(10, whole=False), (document,)) > 50_000
    assert window.at_most(Size(10), (text,)) == 15


@pytest.mark.parametrize(
    ("model", "options", "tokens"),
    [
        (Model("m", context=1000), {"max_output_tokens": 300}, 300),
        (Model("m", context=1000), {}, 100),
        (Model("m", context=100_000, output=4000), {}, 4000),
        (Model("m", context=100_000, output=64_000), {}, 10_000),
        (Model("m"), {}, 0),
    ],
)
def test_room_for_the_answer(model: Model, options: dict[str, object], tokens: int) -> None:
    assert window.reserve(model, options) == tokens


@pytest.mark.parametrize(("tokens", "excess"), [(0, 0), (900, 0), (901, 1), (5000, 4100)])
def test_excess(tokens: int, excess: int) -> None:
    assert window.excess(tokens, Model("m", context=1000), {}) == excess


def test_an_unknown_window_is_never_too_small() -> None:
    assert window.excess(10**9, Model("m"), {"max_output_tokens": 10**9}) == 0


def test_the_oldest_turns_make_room() -> None:
    turns = [turn(0, 100), turn(1, 100), turn(2, 100)]
    one = window.of_turn(turns[0]).tokens
    assert [window.making_room(turns, much) for much in (1, one, one + 1, 3 * one, 9 * one)] == [
        1,
        1,
        2,
        3,
        None,
    ]


def test_tools_take_room() -> None:
    tools = (Tool("weather", TEXT, {"type": "object", "properties": {}}),)
    bare = Request("m", (Message("user", (Text("x"),)),))
    whole = window.estimated(bare._replace(tools=tools)).tokens
    assert whole == window.estimated(bare).tokens + window.of_tools(tools).tokens
    assert window.of_tools(tools).tokens > 8


def test_input_price() -> None:
    prices = (Price(input=Decimal(3), output=Decimal(15)), Price(input=Decimal(6), above=1000))
    model = Model("m", prices=prices)
    assert window.input_price(model, 1000) == Decimal("0.003")
    assert window.input_price(model, 2000) == Decimal("0.012")
    assert window.input_price(Model("m"), 1000) is None
