"""OpenAI's own client as a peer: it takes our requests, and reads in every answer what we read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from behaviour import PROMPT, Answer, Case, collect, read_cases
from official_types import validator
from openai import OpenAI
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.responses.input_token_count_params import InputTokenCountParams
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from pydantic import ValidationError
from replay_server import ReplayServer

from llmcli.adapters.base import Adapter
from llmcli.adapters.openai_chat import OpenAIChat
from llmcli.adapters.openai_responses import OpenAIResponses
from llmcli.cards import Card, Model
from llmcli.messages import (
    Media,
    Message,
    Opaque,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from llmcli.provider import HttpProvider

FOLDER = Path(__file__).parent / "wire_cases"
RESPONSES = {case.name: case for case in read_cases(FOLDER / "openai_responses")}
CHAT = {case.name: case for case in read_cases(FOLDER / "openai_chat")}
CARD = Card("openai", "OpenAI", "", models={"m": Model("m", reasoning=True)})
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
OUTPUT = [
    {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "e=="},
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "phase": "commentary",
        "content": [{"type": "output_text", "text": "Let me.", "annotations": []}],
    },
    {
        "id": "fc_1",
        "type": "function_call",
        "call_id": "call_1",
        "name": "f",
        "arguments": "{}",
        "status": "completed",
    },
]


def requests() -> dict[str, Request]:
    """Requests that together use everything both wire formats have a place for."""
    call = ToolCall("call_1", "f", "{}")
    result = Message("tool", (ToolResult("call_1", "42"), ToolResult("call_1", "", is_error=True)))
    opaque = Opaque("openai", "m", {"output": OUTPUT})
    tools = (Tool("f", "does f", SCHEMA, strict=True), Tool("g"))
    media = (
        Text("look"),
        Media(b"png", "image/png", "a.png"),
        Media(b"pdf", "application/pdf", "b.pdf"),
    )
    options = {
        "temperature": 0.2,
        "top_p": 0.9,
        "max_output_tokens": 99,
        "reasoning_effort": "high",
        "verbosity": "low",
        "tool_choice": "f",
        "parallel_tool_calls": False,
        "response_schema": SCHEMA,
        "user": "u1",
        "metadata": {"k": "v"},
    }
    return {
        "smallest": Request("m", (PROMPT,)),
        "system": Request("m", (Message("system", (Text("be brief"),)), PROMPT)),
        "media": Request("m", (Message("user", media),)),
        "options": Request("m", (PROMPT,), options, tools=tools),
        "required": Request("m", (PROMPT,), {"tool_choice": "required"}, tools=tools),
        "tools": Request("m", (PROMPT, Message("assistant", (Text("Hm."), call)), result)),
        "replay": Request("m", (PROMPT, Message("assistant", (call, opaque)), result)),
    }


def rendered(adapter: Adapter[Any], request: Request, dialect: Any = None) -> Any:
    """The body of the call."""
    card = CARD._replace(base_url="http://127.0.0.1:1/v1", dialect=dialect or {})
    return adapter.render(request, card, None).body


class TestRequests:
    @pytest.mark.parametrize("name", requests())
    def test_responses(self, name: str) -> None:
        body = rendered(OpenAIResponses(), requests()[name])
        validator(ResponseCreateParamsStreaming).validate_python(body)

    @pytest.mark.parametrize("name", requests())
    def test_token_counts(self, name: str) -> None:
        card = CARD._replace(base_url="http://127.0.0.1:1/v1", dialect={"input_tokens": True})
        call = OpenAIResponses().render_tokens(requests()[name], card, None)
        assert call is not None
        validator(InputTokenCountParams).validate_python(call.body)

    @pytest.mark.parametrize("name", requests())
    def test_chat(self, name: str) -> None:
        body = rendered(OpenAIChat(), requests()[name], {"max_tokens": "max_completion_tokens"})
        validator(CompletionCreateParamsStreaming).validate_python(body)

    def test_chat_options_of_its_own(self) -> None:
        more = {"stop": ["a"], "seed": 7, "presence_penalty": 0.1, "frequency_penalty": 0.2}
        sound = Message("user", (Media(b"wav", "audio/wav", "c.wav"),))
        body = rendered(OpenAIChat(), Request("m", (sound,), more))
        validator(CompletionCreateParamsStreaming).validate_python(body)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"stop": ["a"]},
            {"seed": 1},
            {"tools": [{"type": "function", "function": {"name": "f"}}]},
            {"tools": [{"type": "function", "name": "f", "parameters": {}}]},
            {"input": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]},
            {"text": {"format": {"type": "json_schema", "json_schema": {}}}},
        ],
    )
    def test_the_check_sees_what_is_wrong(self, wrong: Any) -> None:
        """A peer that took anything would prove nothing."""
        body = rendered(OpenAIResponses(), requests()["options"])
        with pytest.raises(ValidationError):
            validator(ResponseCreateParamsStreaming).validate_python({**body, **wrong})


@pytest.fixture(scope="module")
def server() -> Iterator[ReplayServer]:
    """It answers with a case once a test has chosen one."""
    with ReplayServer() as found:
        yield found


@pytest.fixture(scope="module")
def client(server: ReplayServer) -> Iterator[OpenAI]:
    """The official client of that server."""
    http = httpx.Client(trust_env=False)
    with OpenAI(base_url=server.url, api_key="k", max_retries=0, http_client=http) as found:
        yield found


def but(cases: Iterable[str], exceptions: dict[str, str]) -> list[Any]:
    """The cases; those that the official client reads otherwise have to differ, for a reason."""
    return [
        pytest.param(name, marks=pytest.mark.xfail(strict=True, reason=exceptions[name]))
        if name in exceptions
        else name
        for name in cases
    ]


def ours(adapter: Adapter[Any], server: ReplayServer, case: Case, *, stream: bool) -> Answer:
    """What our provider reads from the same server."""
    card = CARD._replace(base_url=server.url, dialect=case.dialect)
    provider = HttpProvider(card, None, adapter, retries=0)
    try:
        _, *events = provider.stream(Request("m", (PROMPT,), stream=stream))
    finally:
        provider.close()
    return collect(events)  # type: ignore[arg-type]


def same(official: Answer, own: Answer) -> None:
    """The same text, calls and reason; of the usage what the official types tell."""
    text = official.text.encode(errors="backslashreplace").decode()  # so that it can be reported
    assert text == own.text
    assert official.tool_calls == own.tool_calls
    assert official.finish == own.finish
    assert (official.usage is None) == (own.usage is None)
    if own.usage is not None:
        assert official.usage == (own.usage.input, own.usage.output)


def counts(usage: Any, names: tuple[str, str]) -> Any:
    """Input and output tokens as the official client has them."""
    return None if usage is None else tuple(getattr(usage, name, None) for name in names)


def read_response(response: Any) -> Answer:
    """A Response object of the official client."""
    answer = Answer(usage=counts(response.usage, ("input_tokens", "output_tokens")))
    refused = False
    for item in response.output or []:
        if item.type == "message":
            for part in item.content:
                refused = refused or part.type == "refusal"
                answer.text += part.refusal if part.type == "refusal" else part.text
        elif item.type == "function_call":
            answer.tool_calls.append([item.call_id, item.name, item.arguments])
    answer.finish = _finish(response, answer, refused=refused)
    return answer


def _finish(response: Any, answer: Answer, *, refused: bool) -> str:
    if response.status == "incomplete":
        reason = response.incomplete_details and response.incomplete_details.reason
        return {"max_output_tokens": "length", "content_filter": "content_filter"}.get(
            reason, "other"
        )
    return "tool_calls" if answer.tool_calls else "refusal" if refused else "stop"


def read_response_stream(events: Iterable[Any]) -> Answer:
    """A stream of Responses events: what came in deltas, the rest from the last event."""
    said, last = "", None
    for event in events:
        if event.type in ("response.output_text.delta", "response.refusal.delta"):
            said += event.delta or ""
        elif event.type in ("response.completed", "response.incomplete"):
            last = event.response
    assert last is not None
    answer = read_response(last)
    if said:
        answer.text = said
    return answer


class TestResponses:
    WHOLE: ClassVar = {
        "call_ids_repeat": "we give the second call an id of its own",
        "call_without_arguments": "we write empty arguments as the JSON text {}",
    }
    STREAM: ClassVar = {
        **WHOLE,
        "items_only": "its last event holds no output, and items that are done are not added up",
        "surrogates": "it hands on the halves of a character",
    }

    @pytest.mark.parametrize("name", but(RESPONSES, STREAM))
    def test_stream(self, name: str, server: ReplayServer, client: OpenAI) -> None:
        case = RESPONSES[name]
        server.answers["/responses"] = case.stream
        own = ours(OpenAIResponses(), server, case, stream=True)
        with client.responses.create(model="m", input="hi", stream=True) as events:
            official = read_response_stream(events)
        same(official, own)

    @pytest.mark.parametrize("name", but((n for n in RESPONSES if RESPONSES[n].whole), WHOLE))
    def test_whole(self, name: str, server: ReplayServer, client: OpenAI) -> None:
        case = RESPONSES[name]
        assert case.whole
        server.answers["/responses"] = case.whole.strip()
        own = ours(OpenAIResponses(), server, case, stream=False)
        same(read_response(client.responses.create(model="m", input="hi")), own)


def read_chunks(chunks: Iterable[Any]) -> Answer:
    """A stream of Chat Completions chunks, the way its documentation puts it together."""
    answer, calls, refused = Answer(), {}, False
    for chunk in chunks:
        if chunk.usage:
            answer.usage = counts(chunk.usage, ("prompt_tokens", "completion_tokens"))
        for choice in chunk.choices or []:
            if choice.index or choice.delta is None:
                continue
            answer.text += choice.delta.content or choice.delta.refusal or ""
            refused = refused or bool(choice.delta.refusal)
            for part in choice.delta.tool_calls or []:
                call = calls.setdefault(part.index, [part.id, part.function.name, ""])
                call[2] += part.function.arguments or ""
            answer.finish = choice.finish_reason or answer.finish
    answer.tool_calls = list(calls.values())
    answer.finish = "refusal" if refused else answer.finish
    return answer


def read_completion(completion: Any) -> Answer:
    """A ChatCompletion object of the official client."""
    choice = completion.choices[0]
    message = choice.message
    calls = [[c.id, c.function.name, c.function.arguments] for c in message.tool_calls or []]
    return Answer(
        text=message.content or message.refusal or "",
        tool_calls=calls,
        finish="refusal" if message.refusal else choice.finish_reason,
        usage=counts(completion.usage, ("prompt_tokens", "completion_tokens")),
    )


class TestChat:
    WHOLE: ClassVar = {
        "think_tags": "it does not tell reasoning in tags from text",
        "tool_calls_bare": "it hands on calls without an id, and arguments that are no text",
    }
    STREAM: ClassVar = {
        **WHOLE,
        "done_only": "a stream without a finish reason has none there",
        "groq": "it does not know the usage in x_groq",
        "mistral": "it does not know content that is a list",
        "surrogates": "it hands on the halves of a character",
        "tool_calls_index_zero": "it takes calls of one index for one call",
        "xai": "it does not know that output leaves out the reasoning",
    }

    @pytest.mark.parametrize("name", but(CHAT, STREAM))
    def test_stream(self, name: str, server: ReplayServer, client: OpenAI) -> None:
        case = CHAT[name]
        server.answers["/chat/completions"] = case.stream
        own = ours(OpenAIChat(), server, case, stream=True)
        prompt: Any = [{"role": "user", "content": "hi"}]
        with client.chat.completions.create(model="m", messages=prompt, stream=True) as chunks:
            official = read_chunks(chunks)
        same(official, own)

    @pytest.mark.parametrize("name", but((n for n in CHAT if CHAT[n].whole), WHOLE))
    def test_whole(self, name: str, server: ReplayServer, client: OpenAI) -> None:
        case = CHAT[name]
        assert case.whole
        server.answers["/chat/completions"] = case.whole.strip()
        own = ours(OpenAIChat(), server, case, stream=False)
        prompt: Any = [{"role": "user", "content": "hi"}]
        same(read_completion(client.chat.completions.create(model="m", messages=prompt)), own)
