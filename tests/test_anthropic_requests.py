"""The requests that the adapter anthropic renders."""

from __future__ import annotations

from typing import Any

import pytest
from behaviour import PROMPT

from llmcli.adapters.anthropic import Anthropic
from llmcli.cards import Card, Model
from llmcli.errors import UsageError
from llmcli.messages import (
    Media,
    Message,
    Opaque,
    Reasoning,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from llmcli.redaction import Secret

OWN = Card(id="p", name="P", adapter="anthropic", base_url="https://api.anthropic.com")
OTHER = OWN._replace(base_url="http://127.0.0.1:1/anthropic")
F = Tool("f", "does f", {"type": "object", "properties": {"x": {"type": "integer"}}})


def body(request: Request, card: Card = OWN, **dialect: Any) -> dict[str, Any]:
    """The rendered body of a request, for a card with this dialect."""
    rendered = Anthropic().render(request, card._replace(dialect=dialect), None).body
    assert rendered is not None
    return dict(rendered)


def asking(**options: Any) -> Request:
    """A request with these options."""
    return Request("m", (PROMPT,), options=options)


def said(*messages: Message, card: Card = OWN) -> list[dict[str, Any]]:
    """The turns that these messages become."""
    found: list[dict[str, Any]] = body(Request("m", messages), card)["messages"]
    return found


def user(*parts: Any) -> Message:
    """A user's message of texts and other parts."""
    return Message("user", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def assistant(*parts: Any) -> Message:
    """An assistant's message of texts and other parts."""
    return user(*parts)._replace(role="assistant")


def text(words: str) -> dict[str, Any]:
    """A block of text."""
    return {"type": "text", "text": words}


def test_smallest_request() -> None:
    """Nothing is sent that the user did not ask for, but the limit, which must be."""
    assert body(asking()) == {
        "model": "m",
        "max_tokens": 8192,
        "messages": [{"role": "user", "content": [text("hi")]}],
        "stream": True,
    }


@pytest.mark.parametrize("base", ["https://x.example", "https://x.example/v1/"])
def test_base_url_with_or_without_its_version(base: str) -> None:
    """Both spellings of an address lead to the same path."""
    card = OWN._replace(base_url=Anthropic.base_url(base))
    assert Anthropic().render(asking(), card, None).url == "https://x.example/v1/messages"


def test_headers() -> None:
    """The key goes as x-api-key, or as bearer where the dialect says so; betas are joined."""
    adapter, key = Anthropic(), Secret("k-1234")
    headers = adapter.render(asking(), OWN, key).headers
    assert headers["x-api-key"] == key
    assert headers["content-type"] == "application/json"
    assert "authorization" not in headers
    assert "anthropic-beta" not in headers
    card = OWN._replace(dialect={"auth": "bearer", "beta": ["a", "b"]}, headers={"x-own": "1"})
    headers = adapter.render(asking(), card, key).headers
    assert headers["authorization"] == Secret("Bearer k-1234")
    assert (headers["anthropic-beta"], headers["x-own"]) == ("a,b", "1")
    assert "x-api-key" not in headers
    keyless = adapter.render(asking(), OTHER, None).headers
    assert not {"x-api-key", "authorization"} & set(keyless)


@pytest.mark.parametrize(
    ("card", "options", "extra", "version"),
    [
        (OWN, {}, {}, "2026-10-21"),
        (OWN, {"temperature": 1.0}, {}, "2023-06-01"),
        (OWN, {"top_p": 0.5}, {}, "2023-06-01"),
        (OWN, {"top_k": 5}, {}, "2023-06-01"),
        (OWN, {}, {"temperature": 1}, "2023-06-01"),
        (OTHER, {}, {}, "2023-06-01"),
        (OTHER._replace(dialect={"version": "2030-01-01"}), {"top_k": 5}, {}, "2030-01-01"),
    ],
)
def test_version(card: Card, options: Any, extra: Any, version: str) -> None:
    """The newer version refuses sampling options and is not known to other servers."""
    request = Request("m", (PROMPT,), options=options, extra=extra)
    assert Anthropic().render(request, card, None).headers["anthropic-version"] == version


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"temperature": 0.2}, {"temperature": 0.2}),
        ({"top_k": 5}, {"top_k": 5}),
        ({"max_output_tokens": 9}, {"max_tokens": 9}),
        ({"stop": ["a", "b"]}, {"stop_sequences": ["a", "b"]}),
        ({"user": "u"}, {"metadata": {"user_id": "u"}}),
        ({"metadata": {"user_id": "u"}}, {"metadata": {"user_id": "u"}}),
        ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ({"reasoning_budget": 0}, {"thinking": {"type": "disabled"}}),
        (
            {"reasoning_effort": "high"},
            {
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": "high"},
            },
        ),
        (
            {"reasoning_effort": "minimal", "reasoning_budget": 0},
            {"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}},
        ),
        (
            {"reasoning_budget": 2000},
            {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 10_192},
        ),
    ],
)
def test_option(options: Any, sent: Any) -> None:
    """Each neutral option becomes what this format has for it, and nothing else changes."""
    assert body(asking(**options)) == {**body(asking()), **sent}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metadata": {"team": "x"}}, "not team"),
        ({"metadata": {"user_id": 3}}, "must be a text"),
        ({"reasoning_budget": 1023}, "at least 1024"),
        ({"reasoning_budget": 2048, "max_output_tokens": 2048}, "at most 2048"),
        ({"reasoning_effort": "none", "reasoning_budget": 2048}, "contradict"),
    ],
)
def test_option_that_cannot_be_sent(options: Any, words: str) -> None:
    """What the server would refuse for sure is refused before anything is sent."""
    with pytest.raises(UsageError, match=words):
        body(asking(**options))


@pytest.mark.parametrize(
    ("output", "options", "stream", "limit"),
    [
        (4096, {}, True, 4096),
        (128_000, {}, True, 32_000),
        (128_000, {}, False, 21_333),
        (128_000, {"reasoning_effort": "max"}, True, 64_000),
        (40_000, {"reasoning_effort": "max"}, True, 40_000),
        (128_000, {"reasoning_budget": 50_000}, True, 82_000),
        (64_000, {"reasoning_budget": 50_000}, True, 64_000),
        (None, {"reasoning_effort": "max"}, True, 8192),
    ],
)
def test_limit_unless_the_user_names_one(
    output: int | None, options: Any, stream: bool, limit: int
) -> None:
    """As much as the model gives, within reason; reasoning comes on top."""
    card = OWN._replace(models={"m": Model("m", output=output)})
    request = Request("m", (PROMPT,), options=options, stream=stream)
    assert body(request, card)["max_tokens"] == limit


@pytest.mark.parametrize(
    ("model", "options", "sent"),
    [
        ("old-1", {"reasoning_effort": "high"}, (16_384, 24_576)),
        ("old-1", {"reasoning_effort": "high", "reasoning_budget": 2000}, (2000, 10_192)),
        ("old-1", {"reasoning_effort": "high", "max_output_tokens": 8000}, (4000, 8000)),
        ("old-1", {"reasoning_effort": "low", "max_output_tokens": 1100}, (1024, 1100)),
        ("exact", {"reasoning_effort": "low"}, (2048, 10_240)),
    ],
)
def test_effort_of_a_model_that_takes_budgets(model: str, options: Any, sent: Any) -> None:
    """Where the card says that a model knows no effort, a budget stands for it."""
    rendered = body(Request(model, (PROMPT,), options=options), budget_models=["old*", "exact"])
    assert rendered["thinking"] == {"type": "enabled", "budget_tokens": sent[0]}
    assert rendered["max_tokens"] == sent[1]
    assert "output_config" not in rendered
    newer = Request("exact-2", (PROMPT,), options={"reasoning_effort": "low"})
    assert body(newer, budget_models=["old*", "exact"])["thinking"]["type"] == "adaptive"


def test_effort_that_has_no_room() -> None:
    """Reasoning that leaves nothing for the answer is refused."""
    with pytest.raises(UsageError, match="do not fit"):
        body(asking(reasoning_effort="low", max_output_tokens=1024), budget_models=["*"])


@pytest.mark.parametrize(
    ("options", "choice"),
    [
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": "f"}, {"type": "tool", "name": "f"}),
        (
            {"tool_choice": "f", "parallel_tool_calls": False},
            {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        ),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"parallel_tool_calls": True}, {"type": "auto", "disable_parallel_tool_use": False}),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
    ],
)
def test_tool_choice(options: Any, choice: Any) -> None:
    """Whether calls may be parallel is a part of the choice here."""
    request = Request("m", (PROMPT,), options=options, tools=(F,))
    assert body(request)["tool_choice"] == choice


def test_parallel_without_tools_is_left_out() -> None:
    """A choice without tools is refused by the server; this one would be ours, not the user's."""
    assert "tool_choice" not in body(asking(parallel_tool_calls=False))


def test_tools() -> None:
    """A tool has a schema in any case; a strict one has every object closed."""
    strict = F._replace(strict=True, description="")
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
    assert body(Request("m", (PROMPT,), tools=(F, strict, Tool("g"))))["tools"] == [
        {"name": "f", "description": "does f", "input_schema": schema},
        {"name": "f", "input_schema": {**schema, "additionalProperties": False}, "strict": True},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}},
    ]
    assert "additionalProperties" not in F.parameters


def test_schema_has_its_objects_closed() -> None:
    """Objects wherever they stand, but no value that only looks like a schema."""
    shut = {"type": "object", "additionalProperties": False}
    schema = {
        "type": "object",
        "properties": {
            "type": {"const": {"type": "object"}},
            "a": {"type": ["object", "null"]},
            "b": {"anyOf": [{"type": "object"}, {"type": "string"}]},
            "c": {"type": "array", "items": {"type": "object", "additionalProperties": True}},
        },
        "$defs": {"d": {"type": "object"}},
    }
    sent = body(asking(response_schema=schema, reasoning_effort="low"))["output_config"]
    assert sent["effort"] == "low"
    assert sent["format"] == {
        "type": "json_schema",
        "schema": {
            **shut,
            "properties": {
                "type": {"const": {"type": "object"}},
                "a": {"type": ["object", "null"], "additionalProperties": False},
                "b": {"anyOf": [shut, {"type": "string"}]},
                "c": {"type": "array", "items": {"type": "object", "additionalProperties": True}},
            },
            "$defs": {"d": shut},
        },
    }
    assert "additionalProperties" not in schema


def test_cache() -> None:
    """Tools with the system prompt are one prefix to keep, the conversation so far another."""
    mark = {"cache_control": {"type": "ephemeral"}}
    system = Message("system", (Text("one"), Text("two")))
    request = Request("m", (system, PROMPT), options={"cache": True}, tools=(F,))
    sent = body(request)
    assert sent["system"] == [text("one"), {**text("two"), **mark}]
    assert sent["messages"][-1]["content"] == [{**text("hi"), **mark}]
    assert "cache_control" not in sent["tools"][0]
    sent = body(request._replace(messages=(PROMPT,)))
    assert sent["tools"][-1]["cache_control"] == mark["cache_control"]
    assert "cache_control" not in str(body(request._replace(options={"cache": False})))


def test_cache_leaves_reasoning_unmarked() -> None:
    """A block of reasoning has to go back unchanged, also when it comes last."""
    block = {"type": "redacted_thinking", "data": "x"}
    paused = assistant(Opaque("p", "m", {"content": [block]}))
    sent = body(Request("m", (PROMPT, paused), options={"cache": True}))
    assert sent["messages"][-1]["content"] == [block]


def test_extra_is_merged_last() -> None:
    """`-o extra.KEY=JSON` wins, table by table."""
    extra = {"max_tokens": 1, "output_config": {"x": 2}, "speed": "fast"}
    sent = body(Request("m", (PROMPT,), {"reasoning_effort": "low"}, extra))
    assert (sent["max_tokens"], sent["speed"]) == (1, "fast")
    assert sent["output_config"] == {"effort": "low", "x": 2}


def test_system_messages_stand_outside_the_turns() -> None:
    """Wherever they come; they hold text only."""
    system = Message("system", (Text("be brief"), Text(" ")))
    sent = body(Request("m", (system, PROMPT, Message("system", (Text("be kind"),)))))
    assert sent["system"] == [text("be brief"), text("be kind")]
    assert [turn["role"] for turn in sent["messages"]] == ["user"]
    with pytest.raises(UsageError, match="text only"):
        said(Message("system", (Media(b"x", "image/png"),)), PROMPT)


def test_attachments() -> None:
    """Images, PDF and text files go as blocks, each in its own encoding."""
    image, pdf = Media(b"png", "image/png", "a.png"), Media(b"pdf", "application/pdf", "b.pdf")
    page = Media("ü".encode(), "text/markdown", "c.md")
    assert said(user("look", image, pdf, page, Media(b"{}", "application/json")))[0]["content"] == [
        text("look"),
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": "cG5n"},
        },
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "cGRm"},
            "title": "b.pdf",
        },
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "ü"},
            "title": "c.md",
        },
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "{}"}},
    ]


@pytest.mark.parametrize(
    "part",
    [
        Media(b"x", "audio/wav", "a.wav"),
        Media(b"x", "image/tiff", "a.tiff"),
        Media(b"\xff", "application/zip", "a.zip"),
        Media(b"a\0b", "application/octet-stream", "a.bin"),
    ],
)
def test_attachment_that_cannot_be_sent(part: Media) -> None:
    """What the wire format cannot carry is refused, by its name."""
    with pytest.raises(UsageError, match=part.name):
        said(user(part))


def test_results_come_first_in_one_turn() -> None:
    """All results of a turn stand in one user's message, before anything else in it."""
    turns = said(
        PROMPT,
        assistant("both", ToolCall("toolu_1", "f", '{"x": 1}'), ToolCall("toolu_2", "g", "")),
        user("and hurry"),
        Message("tool", (ToolResult("toolu_2", "no", is_error=True),)),
        Message("tool", (ToolResult("toolu_1", ""),)),
    )
    assert turns[1:] == [
        {
            "role": "assistant",
            "content": [
                text("both"),
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": 1}},
                {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_2",
                    "content": "no",
                    "is_error": True,
                },
                {"type": "tool_result", "tool_use_id": "toolu_1"},
                text("and hurry"),
            ],
        },
    ]


@pytest.mark.parametrize("arguments", ['{"x":', "[1]", "3", '{"x": NaN}', "[" * 9999])
def test_broken_arguments_are_wrapped(arguments: str) -> None:
    """A call's input must be an object; what the model really wrote stays readable in it."""
    turn = said(PROMPT, assistant(ToolCall("a", "f", arguments)))[1]
    assert turn["content"][0]["input"] == {"INVALID_JSON": arguments}


def test_ids_of_other_providers() -> None:
    """Call and result keep the same id, in the characters that are allowed."""
    call, result = ToolCall("call.1|x", "f", ""), ToolResult("call.1|x", "42")
    turns = said(PROMPT, assistant(call), Message("tool", (result,)))
    assert turns[1]["content"][0]["id"] == turns[2]["content"][0]["tool_use_id"] == "call_1_x"


def test_neighbours_are_merged_and_blanks_dropped() -> None:
    """Turns alternate; blank text is refused by the server, so is white space at the very end."""
    turns = said(
        user("a", ""), user(" \n"), user("b"), assistant(" "), user("c"), assistant("d \n")
    )
    assert turns == [
        {"role": "user", "content": [text("a"), text("b"), text("c")]},
        {"role": "assistant", "content": [text("d")]},
    ]
    inner = said(PROMPT, assistant("d \n"), PROMPT)
    assert inner[1]["content"] == [text("d \n")]


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ((), "blank"),
        ((user("  "),), "blank"),
        ((assistant("a"), PROMPT), "begin with a user"),
        ((user(ToolCall("1", "f", "")),), "cannot hold a ToolCall"),
    ],
)
def test_conversation_that_cannot_be_sent(messages: Any, words: str) -> None:
    """What the server would refuse is told before anything is sent."""
    with pytest.raises(UsageError, match=words):
        said(*messages)


SIGNED = [
    {"type": "thinking", "thinking": "hm", "signature": "s"},
    text(""),
    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": 1}, "caller": {"a": 1}},
]


def test_signed_reasoning_goes_back_unchanged() -> None:
    """To its own provider and model the blocks as they came, less blank text."""
    own = Opaque("p", "m", {"content": SIGNED})
    message = assistant(Reasoning("hm"), ToolCall("toolu_1", "f", "{}"), own)
    assert said(PROMPT, message)[1]["content"] == [SIGNED[0], SIGNED[2]]
    assert own.data["content"] == SIGNED


@pytest.mark.parametrize(
    "opaque",
    [
        Opaque("other", "m", {"content": SIGNED}),
        Opaque("p", "other", {"content": SIGNED}),
        Opaque("p", "m", {"reasoning_details": []}),
    ],
)
def test_reasoning_of_another_model_is_dropped(opaque: Opaque) -> None:
    """A signature means nothing to another model: the neutral parts are sent."""
    message = assistant(Reasoning("hm"), "so", opaque)
    assert said(PROMPT, message)[1]["content"] == [text("so")]


def test_paused_turn_is_sent_back_as_it_was() -> None:
    """Nothing follows it: the server goes on where it stopped."""
    blocks = [text("I search."), {"type": "server_tool_use", "id": "s.1", "name": "w", "input": {}}]
    message = assistant("I search.", Opaque("p", "m", {"content": blocks}))
    assert said(PROMPT, message)[1] == {"role": "assistant", "content": blocks}


def test_count_of_tokens() -> None:
    """The same prompt as an answer is asked with, and no field that is not input."""
    options = {"stop": ["x"], "user": "u", "temperature": 1, "cache": True, "tool_choice": "f"}
    request = Request("m", (Message("system", (Text("s"),)), PROMPT), options, tools=(F,))
    call = Anthropic().render_tokens(request, OWN, Secret("k-1234"))
    assert call is not None
    assert call.url == "https://api.anthropic.com/v1/messages/count_tokens"
    assert call.headers["x-api-key"] == Secret("k-1234")
    assert call.body == {
        key: body(request)[key] for key in ("model", "system", "messages", "tools", "tool_choice")
    }
    lacks = OTHER._replace(dialect={"count_tokens": False})
    assert Anthropic().render_tokens(request, lacks, None) is None
