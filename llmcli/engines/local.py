"""The embedded engine: llama.cpp inside this process, with the weights that were pulled."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmcli.adapters.openai_chat import OpenAIChat
from llmcli.cards import Card, Model
from llmcli.engines import llamacpp, weights
from llmcli.engines.generation import Generation
from llmcli.errors import ContextTooLong, IncompleteError, ProviderError
from llmcli.events import (
    CONTENT_EVENTS,
    AnswerEvent,
    Attempt,
    Event,
    Finish,
    Notice,
    ToolCallStart,
)
from llmcli.messages import Request

CONTEXT_LIMIT = 8192
_CLOSE_SECONDS = 0.1
# SmolLM2's chat template puts in a system line that makes the answers worse, and greedy decoding
# without a penalty loops: 23 of 25 simple questions right with this, 18 without (2026-11-21).
_DEMO_SAMPLING = {"temperature": 0, "dry_multiplier": 0.8}
_NO_SYSTEM = {"role": "system", "content": ""}


class LocalEngine:
    """A provider that answers in this process. `options` names the options it really sends."""

    options = frozenset(
        {
            "temperature",
            "top_p",
            "top_k",
            "max_output_tokens",
            "stop",
            "seed",
            "presence_penalty",
            "frequency_penalty",
            "reasoning_effort",
            "tool_choice",
            "parallel_tool_calls",
            "response_schema",
        }
    )

    def __init__(self, card: Card) -> None:
        self.card = card
        self._adapter = OpenAIChat()
        self._lock = threading.Lock()
        self._loaded: tuple[str, Any] | None = None
        self._running: set[Generation] = set()
        self._on_wait: Callable[[], None] = lambda: None
        self._deadline: tuple[float, float] | None = None

    def on_wait(self, call: Callable[[], None]) -> None:
        """Have `call` made whenever all that was generated is handed on and more is awaited."""
        self._on_wait = call

    def set_deadline(self, seconds: float, started: float) -> None:
        """Give up `seconds` after the monotonic time `started`."""
        self._deadline = (seconds, started)

    def stream(self, request: Request) -> Iterator[Event]:
        """Generate, and yield events; closing the iterator stops the generation.

        Raises ConfigError for weights or an engine that are not here, ProviderError with
        `provider` and `model` filled in.
        """
        here = weights.look(request.model)
        if here is None:
            raise weights.missing(request.model)
        llamacpp.require_installed()
        body = self._body(request)
        yield Attempt(self.card.id, request.model, 1)
        generation = Generation(lambda: self._model(here), body)
        self._running.add(generation)
        try:
            yield from self._answer(generation, request)
        except ProviderError as error:
            error.provider, error.model = self.card.id, request.model
            raise
        finally:
            generation.cancel()
            self._running.discard(generation)

    def _answer(self, generation: Generation, request: Request) -> Iterator[AnswerEvent]:
        """The events of one generation; after the first content a failure is IncompleteError."""
        content = False
        must_call = request.options.get("tool_choice", "auto") not in ("auto", "none")
        try:
            for event in self._events(generation, request):
                content = content or isinstance(event, CONTENT_EVENTS)
                must_call = must_call and not isinstance(event, ToolCallStart)
                if isinstance(event, Finish) and must_call:
                    yield Notice(f"{request.model} did not call a tool though it was required")
                yield event
        except ProviderError as error:
            if not content:
                raise
            raise IncompleteError(
                error.message, http_status=error.http_status, code=error.code
            ) from error

    def _events(self, generation: Generation, request: Request) -> Iterator[AnswerEvent]:
        state = self._adapter.begin(request, self.card)
        for chunk in generation.chunks(self._on_wait, self._deadline):
            if chunk.get("error"):
                raise self._refusal(chunk, request.model)
            yield from self._adapter.parse_chunk(chunk, state)
        yield from self._adapter.end(state)

    def _refusal(self, chunk: Mapping[str, Any], model: str) -> ProviderError:
        """What an error that came as a chunk means."""
        error = chunk["error"] if isinstance(chunk["error"], dict) else {}
        status = error.get("code")
        known = self._adapter.parse_error(
            status if isinstance(status, int) else 500, {}, json.dumps(chunk).encode()
        )
        if not isinstance(known, ContextTooLong) or "n_ctx" not in error:
            return known
        length, room = error.get("n_prompt_tokens"), error["n_ctx"]
        return ContextTooLong(
            f"the prompt is {length} tokens long, and {model} takes {room}",
            http_status=known.http_status,
            code=known.code,
        )

    def _body(self, request: Request) -> dict[str, Any]:
        """The request as the engine takes it; it always streams, or it could not be stopped."""
        call = self._adapter.render(request, self.card, None)
        rendered = dict(call.body or {})
        if "top_k" in request.options:
            rendered.setdefault("top_k", request.options["top_k"])
        if request.model in weights.BUILT_IN:
            rendered = _with_recipe(rendered)
        rendered["stream"] = rendered["return_progress"] = True
        rendered["stream_options"] = {"include_usage": True}
        return _encodable(rendered)

    def _model(self, found: weights.Weights) -> Any:
        """The loaded model; another one makes room for it first."""
        with self._lock:
            if self._loaded is None or self._loaded[0] != found.name:
                self._loaded = None
                server = llamacpp.open_model(found.path, found.name, self._context(found))
                self._loaded = (found.name, server)
            return self._loaded[1]

    def _context(self, found: weights.Weights) -> int:
        """The card's word, else what the model was trained for within CONTEXT_LIMIT."""
        named = self.card.models.get(found.name)
        if named is not None and named.context is not None:
            return named.context
        return min(found.context or CONTEXT_LIMIT, CONTEXT_LIMIT)

    def preview(self, request: Request) -> str:
        """The JSON that the engine would get."""
        return json.dumps(self._body(request), ensure_ascii=False, indent=2)

    def models(self) -> list[Model]:
        """The models whose weights are here."""
        found = [(name, weights.look(name)) for name in weights.pulled()]
        return [
            self.card.models.get(name) or Model(name, context=self._context(here))
            for name, here in found
            if here is not None
        ]

    def close(self) -> None:
        """Stop what is being generated and let go of the model."""
        for generation in list(self._running):
            generation.cancel()
        for generation in list(self._running):
            generation.join(_CLOSE_SECONDS)
        self._loaded = None


def _with_recipe(body: Mapping[str, Any]) -> dict[str, Any]:
    """What makes the demo model's answers best, where the user says nothing else."""
    sampling = {} if "temperature" in body else _DEMO_SAMPLING
    messages = body["messages"]
    if not any(message.get("role") == "system" for message in messages):
        messages = [_NO_SYSTEM, *messages]
    return {**sampling, **body, "messages": messages}


def _encodable(body: dict[str, Any]) -> dict[str, Any]:
    """The body with every lone surrogate, which the engine cannot read, as U+FFFD."""
    text = json.dumps(body, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return dict(json.loads(text))
    return body
