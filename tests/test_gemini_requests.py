"""The requests that the adapter gemini renders: prompts, tools, options, lists, embeddings."""

from __future__ import annotations

from typing import Any

import pytest
from behaviour import PROMPT

from llmcli.adapters.gemini import Gemini
from llmcli.cards import Card, Model
from llmcli.embeddings import EmbeddingRequest
from llmcli.errors import ProtocolError, ServerError, UsageError
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
from llmcli.usage import Usage

CARD = Card(
    id="g",
    name="G",
    adapter="gemini",
    base_url="http://127.0.0.1:1/v1beta",
    models={"gemini-3.8-flash": Model("gemini-3.8-flash", reasoning=True)},
)
NEW, OLD, OLD_PRO = "gemini-3.8-pro", "gemini-2.5-flash", "gemini-2.5-pro"
SIGNED = {"text": "", "thoughtSignature": "c2ln"}
DUMMY = "skip_thought_signature_validator"
SCHEMA = {"type": "object", "additionalProperties": False}


def body(*messages: Message, model: str = NEW, tools: Any = (), **options: Any) -> dict[str, Any]:
    """The rendered body of a request."""
    request = Request(model, messages or (PROMPT,), options=options, tools=tools)
    rendered = Gemini().render(request, CARD, None).body
    assert rendered is not None
    return dict(rendered)


def config(model: str = NEW, **options: Any) -> Any:
    """The `generationConfig` of a request, None when there is none."""
    return body(model=model, **options).get("generationConfig")


def contents(*messages: Message, model: str = NEW) -> Any:
    """The contents of a request, roles and parts as pairs."""
    return [(turn["role"], turn["parts"]) for turn in body(*messages, model=model)["contents"]]


def user(*parts: Any) -> Message:
    """What the user says."""
    return Message("user", tuple(Text(p) if isinstance(p, str) else p for p in parts))


def assistant(*parts: Any) -> Message:
    """What the model said."""
    return Message("assistant", tuple(Text(p) if isinstance(p, str) else p for p in parts))


def results(*parts: Any) -> Message:
    """What tools returned."""
    return Message("tool", parts)


def test_smallest_request() -> None:
    """Nothing is sent that the user did not ask for."""
    assert body() == {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


def test_stream_or_not() -> None:
    """The method, not the body, says whether to stream."""
    one = Gemini().render(Request("m", (PROMPT,), stream=False), CARD, None)
    assert one.url.endswith("/models/m:generateContent")
    assert one.headers["accept"] == "application/json"
    assert one.body == Gemini().render(Request("m", (PROMPT,)), CARD, None).body


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-x", "/models/gemini-x:"),
        ("models/gemini-x", "/models/gemini-x:"),
        ("tunedModels/mine", "/tunedModels/mine:"),
        ("a?b#c d", "/models/a%3Fb%23c%20d:"),
    ],
)
def test_model_in_the_url(model: str, path: str) -> None:
    """A full name stays as it is, and no model's name changes the URL."""
    assert path in Gemini().render(Request(model, (PROMPT,)), CARD, None).url


def test_system_prompt() -> None:
    """It is a field of its own, wherever it stood."""
    sent = body(Message("system", (Text("be brief"),)), PROMPT, Message("system", (Text("now"),)))
    assert sent["systemInstruction"] == {"parts": [{"text": "be brief"}, {"text": "now"}]}
    assert [turn["role"] for turn in sent["contents"]] == ["user"]
    assert "systemInstruction" not in body(Message("system", (Text(""),)), PROMPT)


@pytest.mark.parametrize("media", ["image/png", "application/pdf", "audio/ogg", "video/mp4"])
def test_attachments(media: str) -> None:
    """Pictures, documents, sounds and films all go the same way."""
    [(_, parts)] = contents(user("look", Media(b"abc", media, "a")))
    assert parts == [{"text": "look"}, {"inlineData": {"mimeType": media, "data": "YWJj"}}]


def test_neighbours_of_one_role_are_joined() -> None:
    """Roles alternate, texts stay parts, and empty ones, refused with 400, are left out."""
    assert contents(user("a"), user("", "b"), assistant(Reasoning("hm")), user("c")) == [
        ("user", [{"text": "a"}, {"text": "b"}, {"text": "c"}])
    ]
    assert contents(user("a"), assistant("b"), assistant("", "c"), user("d")) == [
        ("user", [{"text": "a"}]),
        ("model", [{"text": "b"}, {"text": "c"}]),
        ("user", [{"text": "d"}]),
    ]


def test_empty_prompt() -> None:
    """It would be answered with 400, so it is not sent."""
    with pytest.raises(UsageError, match="empty"):
        body(user(""))


def test_what_a_user_cannot_say() -> None:
    """A part that makes no sense there is refused."""
    with pytest.raises(UsageError, match="Reasoning"):
        body(user(Reasoning("x")))


def test_tool_turn() -> None:
    """A result names the tool of its call and repeats its id; its text is wrapped."""
    tool = Tool("f", "does f", SCHEMA)
    sent = body(
        PROMPT,
        assistant("so", ToolCall("fc1", "f", '{"x": 1}'), ToolCall("fc2", "g", "")),
        results(ToolResult("fc1", "42")),
        results(ToolResult("fc2", "no", is_error=True)),
        model=OLD,
        tools=(tool, Tool("g")),
    )
    assert sent["contents"][1:] == [
        {
            "role": "model",
            "parts": [
                {"text": "so"},
                {"functionCall": {"id": "fc1", "name": "f", "args": {"x": 1}}},
                {"functionCall": {"id": "fc2", "name": "g", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "fc1", "name": "f", "response": {"output": "42"}}},
                {"functionResponse": {"id": "fc2", "name": "g", "response": {"error": "no"}}},
            ],
        },
    ]
    f = {"name": "f", "description": "does f", "parametersJsonSchema": SCHEMA}
    assert sent["tools"] == [{"functionDeclarations": [f, {"name": "g"}]}]


@pytest.mark.parametrize("arguments", ["[1]", "{", "1", "[" * 5000])
def test_arguments_that_are_no_object(arguments: str) -> None:
    """The wire takes an object only; what the model wrote is wrapped, not lost."""
    turn = contents(PROMPT, assistant(ToolCall("a", "f", arguments)), model=OLD)[1]
    assert turn[1][0]["functionCall"]["args"] == {"arguments": arguments}


def test_result_without_a_call() -> None:
    """A result that answers nothing is refused before the server does."""
    with pytest.raises(UsageError, match=r"answers no tool call \(x\)"):
        body(PROMPT, results(ToolResult("x", "42")))


def replayed(*calls: ToolCall, parts: Any, model: str = NEW, provider: str = "g") -> Message:
    """An answer with what the provider wants back."""
    return assistant("said", *calls, Opaque(provider, model, {"parts": parts}))


def test_signed_parts_go_back_as_they_came() -> None:
    """Verbatim to the model they came from, empty text included; nowhere else."""
    parts = [{"text": "plan", "thought": True}, {"text": "said"}, SIGNED]
    assert contents(PROMPT, replayed(parts=parts), PROMPT)[1] == ("model", parts)
    for other in (replayed(parts=parts, model="x"), replayed(parts=parts, provider="x")):
        assert contents(PROMPT, other, PROMPT)[1] == ("model", [{"text": "said"}])


@pytest.mark.parametrize(
    "parts",
    [[], None, "x", [1], [{"functionCall": 1}], [{"functionCall": {}}, {"functionCall": {}}]],
)
def test_signed_parts_that_do_not_fit(parts: Any) -> None:
    """Parts that do not tell of the same calls are left aside."""
    message = replayed(ToolCall("a", "f", "{}"), parts=parts)
    turn = contents(PROMPT, message, results(ToolResult("a", "1")), model=NEW)[1]
    assert turn[1][0] == {"text": "said"}
    assert turn[1][1]["functionCall"]["id"] == "a"


def test_calls_without_an_id_are_answered_without_one() -> None:
    """Made-up ids never reach the server: such results are matched by name and order."""
    parts = [
        {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"},
        {"functionCall": {"name": "f", "args": {"x": 1}}},
    ]
    calls = (ToolCall("call_0", "f", "{}"), ToolCall("call_1", "f", '{"x": 1}'))
    sent = contents(
        PROMPT,
        replayed(*calls, parts=parts),
        results(ToolResult("call_1", "second")),
        results(ToolResult("call_0", "first")),
    )
    assert sent[1] == ("model", parts)
    assert sent[2][1] == [
        {"functionResponse": {"name": "f", "response": {"output": "first"}}},
        {"functionResponse": {"name": "f", "response": {"output": "second"}}},
    ]


def signatures(*messages: Message, model: str = NEW) -> list[str | None]:
    """The signature of each call that is sent."""
    turns = contents(*messages, model=model)
    parts = [part for role, turn in turns for part in turn if role == "model"]
    return [part.get("thoughtSignature") for part in parts if "functionCall" in part]


def test_calls_of_another_model_get_the_documented_signature() -> None:
    """On Gemini 3 and newer the first call of each step of the current turn needs one."""
    one, two = ToolCall("a", "f", "{}"), ToolCall("b", "f", "{}")
    three, four = ToolCall("c", "f", "{}"), ToolCall("d", "f", "{}")
    done = (ToolResult("a", "1"), ToolResult("b", "1"))
    history = (PROMPT, assistant(one, two), results(*done))
    step = (assistant(three), results(ToolResult("c", "1")), assistant(four))
    end = results(ToolResult("d", "1"))
    assert signatures(*history, *step, end) == [DUMMY, None, DUMMY, DUMMY]
    assert signatures(*history, assistant("so"), PROMPT, *step, end) == [None, None, DUMMY, DUMMY]
    assert signatures(assistant(one), results(ToolResult("a", "1"))) == [DUMMY]
    assert signatures(*history, *step, end, model=OLD) == [None] * 4
    assert signatures(*history, *step, end, model="gemma-4-27b-it") == [None] * 4


def test_paused_answer_goes_on() -> None:
    """The same request is sent again, with the token in place of the answer so far."""
    paused = Opaque("g", NEW, {"continuationToken": "dG9rZW4="})
    sent = body(PROMPT, assistant("part one", paused))
    assert sent == {**body(), "continuationToken": "dG9rZW4="}
    later = body(PROMPT, assistant("part one", paused), PROMPT)
    assert "continuationToken" not in later
    assert later["contents"][1]["parts"] == [{"text": "part one"}]


@pytest.mark.parametrize(
    ("option", "value", "field"),
    [
        ("temperature", 0.2, "temperature"),
        ("top_p", 0.9, "topP"),
        ("top_k", 40, "topK"),
        ("max_output_tokens", 9, "maxOutputTokens"),
        ("stop", ["a", "b"], "stopSequences"),
        ("seed", 7, "seed"),
        ("presence_penalty", 0.5, "presencePenalty"),
        ("frequency_penalty", -0.5, "frequencyPenalty"),
    ],
)
def test_option(option: str, value: Any, field: str) -> None:
    """Each neutral option becomes its field."""
    assert config(**{option: value}) == {field: value}


def test_every_option_is_sent() -> None:
    """No option that the adapter names is dropped in silence."""
    values: dict[str, Any] = {"response_schema": SCHEMA, "reasoning_effort": "low"}
    values |= {"tool_choice": "f", "reasoning_budget": 500, "stop": ["a"]}
    for option in Gemini.options:
        tools = () if option == "response_schema" else (Tool("f"),)
        asked = {option: values.get(option, 1)}
        assert body(model=OLD, tools=tools, **asked) != body(model=OLD, tools=tools), option


def test_too_many_stops() -> None:
    """Five are taken, six are refused before anything is sent."""
    assert config(stop=list("abcde"))["stopSequences"] == list("abcde")
    with pytest.raises(UsageError, match="stop: G takes at most 5"):
        config(stop=list("abcdef"))


def test_schema() -> None:
    """It goes out unchanged; together with tools only where the model takes both."""
    sent = {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
    assert config(response_schema=SCHEMA) == config(OLD, response_schema=SCHEMA) == sent
    assert body(tools=(Tool("f"),), response_schema=SCHEMA)["generationConfig"] == sent
    with pytest.raises(UsageError, match="response_schema"):
        body(model=OLD, tools=(Tool("f"),), response_schema=SCHEMA)


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ("f", {"mode": "ANY", "allowedFunctionNames": ["f"]}),
    ],
)
def test_tool_choice(choice: str, sent: Any) -> None:
    """Names of tools are allowed only with the mode ANY."""
    assert body(tools=(Tool("f"),), tool_choice=choice)["toolConfig"] == {
        "functionCallingConfig": sent
    }


def test_extra_is_merged_last() -> None:
    """`-o extra.KEY=JSON` wins over everything, table by table."""
    extra = {"generationConfig": {"topK": 3}, "safetySettings": []}
    request = Request(NEW, (PROMPT,), options={"top_k": 1, "seed": 2}, extra=extra)
    sent = Gemini().render(request, CARD, None).body
    assert sent is not None
    assert sent["generationConfig"] == {"topK": 3, "seed": 2}
    assert sent["safetySettings"] == []


SHOWN = {"includeThoughts": True}


@pytest.mark.parametrize(
    ("model", "options", "sent"),
    [
        (NEW, {}, None),
        ("gemini-3.8-flash", {}, SHOWN),  # its card says that it reasons
        (NEW, {"reasoning_effort": "minimal"}, {"thinkingLevel": "MINIMAL", **SHOWN}),
        (NEW, {"reasoning_effort": "low"}, {"thinkingLevel": "LOW", **SHOWN}),
        (NEW, {"reasoning_effort": "medium"}, {"thinkingLevel": "MEDIUM", **SHOWN}),
        (NEW, {"reasoning_effort": "high"}, {"thinkingLevel": "HIGH", **SHOWN}),
        (NEW, {"reasoning_effort": "xhigh"}, {"thinkingLevel": "XHIGH", **SHOWN}),
        (NEW, {"reasoning_effort": "max"}, {"thinkingLevel": "XHIGH", **SHOWN}),
        (NEW, {"reasoning_effort": "none"}, {"thinkingLevel": "LOW"}),
        ("gemini-3.8-flash", {"reasoning_effort": "none"}, {"thinkingLevel": "MINIMAL"}),
        ("gemini-flash-latest", {"reasoning_effort": "low"}, {"thinkingLevel": "LOW", **SHOWN}),
        (OLD, {"reasoning_effort": "none"}, {"thinkingBudget": 0}),
        (OLD_PRO, {"reasoning_effort": "none"}, {"thinkingBudget": 128}),
        (OLD, {"reasoning_effort": "medium"}, {"thinkingBudget": 8192, **SHOWN}),
        (OLD, {"reasoning_effort": "max"}, {"thinkingBudget": 24_576, **SHOWN}),
        (OLD_PRO, {"reasoning_effort": "max"}, {"thinkingBudget": 32_768, **SHOWN}),
        (OLD, {"reasoning_budget": 500}, {"thinkingBudget": 500, **SHOWN}),
        (OLD, {"reasoning_budget": 0}, {"thinkingBudget": 0}),
        ("models/" + OLD, {"reasoning_effort": "low"}, {"thinkingBudget": 1024, **SHOWN}),
        ("gemini-2.0-flash", {"reasoning_effort": "none"}, None),
        ("gemini-2.0-flash", {"reasoning_budget": 0}, None),
    ],
)
def test_thinking(model: str, options: Any, sent: Any) -> None:
    """Older families take a budget, newer ones a level; thoughts are asked for to be seen."""
    assert (config(model, **options) or {}).get("thinkingConfig") == sent


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (NEW, {"reasoning_budget": 500}, "takes no reasoning_budget"),
        ("gemini-2.0-flash", {"reasoning_effort": "low"}, "reasoning_effort cannot be sent"),
        ("gemma-3-27b-it", {"reasoning_budget": 1}, "reasoning_budget cannot be sent"),
        (OLD_PRO, {"reasoning_budget": 0}, "at least 128"),
    ],
)
def test_thinking_that_cannot_be_sent(model: str, options: Any, words: str) -> None:
    """What a family cannot be told is refused by name."""
    with pytest.raises(UsageError, match=words):
        config(model, **options)


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("https://g.example", "https://g.example/v1beta"),
        ("https://g.example/", "https://g.example/v1beta"),
        ("https://g.example/v1/", "https://g.example/v1"),
        ("https://g.example/v1beta/models/", "https://g.example/v1beta"),
        ("https://g.example/x/publishers/google", "https://g.example/x/publishers/google"),
    ],
)
def test_base_url(given: str, base: str) -> None:
    """A bare host gets the version that has every model; a path is the user's word."""
    assert Gemini.base_url(given) == base


def test_pages_of_models() -> None:
    """Big pages, each naming the next; the key is in a header."""
    adapter, key = Gemini(), Secret("k-1234")
    first = adapter.render_models(CARD, key)
    assert (first.method, first.body) == ("GET", None)
    assert first.url == "http://127.0.0.1:1/v1beta/models?pageSize=1000"
    following = adapter.render_next_models({"models": [], "nextPageToken": "a/b&c"}, CARD, key)
    assert following is not None
    assert following.url == first.url + "&pageToken=a%2Fb%26c"
    assert following.headers["x-goog-api-key"] == key
    for last in ({"models": []}, {"models": [], "nextPageToken": ""}, {"nextPageToken": 1}, []):
        assert adapter.render_next_models(last, CARD, key) is None


def test_list_of_models() -> None:
    """Those that answer or embed, with their sizes; the prefix is not a part of the name."""
    rows = [
        {
            "name": "models/gemini-x",
            "inputTokenLimit": 1000,
            "outputTokenLimit": 100,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
            "thinking": True,
        },
        {"name": "models/embed-x", "supportedGenerationMethods": ["embedContent"]},
        {"name": "models/imagen", "supportedGenerationMethods": ["predict"]},
        {"name": "tunedModels/mine", "inputTokenLimit": True, "thinking": "yes"},
        {"name": ""},
        {"name": "models/\x1b[0m"},
        {"name": 5},
        "junk",
    ]
    assert Gemini().parse_models({"models": rows}) == [
        Model("gemini-x", context=1000, output=100, reasoning=True),
        Model("embed-x"),
        Model("tunedModels/mine"),
    ]
    with pytest.raises(ServerError, match="boom"):
        Gemini().parse_models({"error": {"code": 500, "message": "boom"}})


def test_count_of_tokens() -> None:
    """The whole request is counted, with system prompt and tools."""
    request = Request(OLD, (Message("system", (Text("s"),)), PROMPT), tools=(Tool("f"),))
    call = Gemini().render_tokens(request, CARD, Secret("k-1234"))
    assert call.url == f"http://127.0.0.1:1/v1beta/models/{OLD}:countTokens"
    assert call.headers["x-goog-api-key"] == Secret("k-1234")
    assert call.body == {
        "generateContentRequest": {
            "model": f"models/{OLD}",
            "systemInstruction": {"parts": [{"text": "s"}]},
            "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
            "tools": [{"functionDeclarations": [{"name": "f"}]}],
        }
    }
    assert Gemini().parse_tokens({"totalTokens": 31, "promptTokensDetails": []}) == 31
    for bad in ({}, [], None, {"totalTokens": "31"}, {"totalTokens": True}):
        with pytest.raises(ProtocolError):
            Gemini().parse_tokens(bad)


def test_embeddings() -> None:
    """Each text is a request of its own, told what it is for and how long to be."""
    asked = EmbeddingRequest("e", ("a", "b"), 64, "query", {"title": "t"})
    call = Gemini().render_embeddings(asked, CARD, None)
    assert call.url.endswith("/models/e:batchEmbedContents")
    common = {"model": "models/e", "taskType": "RETRIEVAL_QUERY", "outputDimensionality": 64}
    assert call.body == {
        "requests": [
            {"content": {"parts": [{"text": text}]}, **common, "title": "t"} for text in "ab"
        ]
    }
    plain = Gemini().render_embeddings(
        EmbeddingRequest("e", ("a",), purpose="document"), CARD, None
    )
    assert plain.body is not None
    assert plain.body["requests"][0]["taskType"] == "RETRIEVAL_DOCUMENT"
    assert Gemini().embedding_limit(CARD) == 100


def test_vectors() -> None:
    """In the order of the texts, with the tokens where the server says them."""
    rows = [{"values": [1, 0.5]}, {"values": [0.25, 2]}]
    found = Gemini().parse_embeddings({"embeddings": rows})
    assert found.vectors == ((1.0, 0.5), (0.25, 2.0))
    assert found.usage is None
    counted = {"embeddings": rows, "usageMetadata": {"promptTokenCount": 7}}
    assert Gemini().parse_embeddings(counted).usage == Usage(input=7, output=0)


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"embeddings": {}},
        {"embeddings": [1]},
        {"embeddings": [{"values": []}]},
        {"embeddings": [{"values": ["1"]}]},
        {"embeddings": [{"values": [True]}]},
        {"embeddings": [{"values": [float("nan")]}]},
        {"embeddings": [{"values": [10**400]}]},
    ],
)
def test_vectors_that_are_none(body: Any) -> None:
    """What is no vector is an error, never a wrong number."""
    with pytest.raises(ProtocolError):
        Gemini().parse_embeddings(body)
    with pytest.raises(ServerError, match="boom"):
        Gemini().parse_embeddings({"error": {"code": 500, "message": "boom"}})
