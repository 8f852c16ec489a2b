"""Options that mean something only beside others, in each wire format that has them."""

from __future__ import annotations

from typing import Any

import pytest

from llmcli import adapters
from llmcli.cards import Card
from llmcli.errors import UsageError
from llmcli.messages import EMPTY, Message, Request, Text, Tool

NAMES = ("openai-chat", "openai-responses", "anthropic", "gemini")
FIELDS = ("tool_choice", "toolConfig", "parallel_tool_calls")
TOOL = Tool("f")
every_format = pytest.mark.parametrize("name", NAMES)


def sent(name: str, *tools: Tool, extra: Any = EMPTY, **options: Any) -> dict[str, Any]:
    """What the body says of the choice of tools."""
    messages = (Message("user", (Text("hi"),)),)
    request = Request("m", messages, options, extra, tools)
    body = adapters.find(name)().render(request, Card("p", "P", name), None).body
    return {field: body[field] for field in FIELDS if field in body}


@every_format
@pytest.mark.parametrize("choice", ["auto", "none"])
def test_without_tools_nothing_is_said_of_them(name: str, choice: str) -> None:
    """OpenAI answers 400 to either field when there are no tools."""
    assert sent(name, tool_choice=choice) == {}
    if name != "gemini":
        assert sent(name, parallel_tool_calls=False) == {}
        assert sent(name, TOOL, parallel_tool_calls=False) != {}


@every_format
@pytest.mark.parametrize("choice", ["required", "f"])
def test_without_tools_none_can_be_required(name: str, choice: str) -> None:
    with pytest.raises(UsageError, match=f"tool_choice={choice}: there are no tools"):
        sent(name, tool_choice=choice)


@every_format
def test_a_tool_that_is_not_there(name: str) -> None:
    with pytest.raises(UsageError, match="tool_choice=g: no such tool, there are f, h"):
        sent(name, TOOL, Tool("h"), tool_choice="g")


@every_format
@pytest.mark.parametrize("choice", ["auto", "none", "required", "f"])
def test_a_choice_among_tools(name: str, choice: str) -> None:
    assert sent(name, TOOL, tool_choice=choice) != {}


@every_format
def test_tools_in_extra_are_tools(name: str) -> None:
    """A server's own tools are not among ours; whether the choice is right it knows itself."""
    assert sent(name, extra={"tools": [{"type": "web_search"}]}, tool_choice="web_search") != {}


@pytest.mark.parametrize(
    ("name", "model", "dialect"),
    [
        ("openai-chat", "m", {"effort": "reasoning"}),
        ("openai-chat", "m", {"effort": "enable_thinking"}),
        ("anthropic", "m", {}),
        ("anthropic", "m", {"budget_models": ["*"]}),
        ("gemini", "gemini-2.5-flash", {}),
        ("gemini", "gemini-3.8-flash", {}),
    ],
)
def test_no_effort_and_a_budget(name: str, model: str, dialect: Any) -> None:
    """They contradict each other wherever both can be sent."""
    options = {"reasoning_effort": "none", "reasoning_budget": 2000}
    request = Request(model, (Message("user", (Text("hi"),)),), options)
    with pytest.raises(UsageError, match="contradict each other"):
        adapters.find(name)().render(request, Card("p", "P", name, dialect=dialect), None)
