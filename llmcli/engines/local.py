"""The embedded engine: llama.cpp inside this process, with the weights that were pulled."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmcli.adapters import openai_embeddings
from llmcli.adapters.base import count, merged
from llmcli.adapters.openai_chat import OpenAIChat
from llmcli.cards import Card, Model
from llmcli.embeddings import EmbeddingRequest, Embeddings
from llmcli.engines import llamacpp, weights
from llmcli.engines.generation import Generation
from llmcli.errors import ContextTooLong, IncompleteError, ProviderError, UsageError
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

    embedding_limit = 16

    def __init__(self, card: Card) -> None:
        self.card = card
        self._adapter = OpenAIChat()
        self._lock = threading.Lock()
        self._loaded: tuple[tuple[str, bool], Any] | None = None
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
        here = _here(request.model)
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
            raise IncompleteError.of(error) from error

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

    def count_tokens(self, request: Request) -> int | None:
        """The tokens of a request, told by the engine before it reads the prompt.

        Raises ConfigError, ProviderError.
        """
        here = _here(request.model)
        generation = Generation(lambda: self._model(here), self._body(request), progress=True)
        self._running.add(generation)
        try:
            for chunk in generation.chunks(self._on_wait, self._deadline):
                error = chunk.get("error")
                if isinstance(error, dict) and "n_prompt_tokens" in error:  # more than the context
                    return count(error["n_prompt_tokens"])
                if error:
                    raise self._refusal(chunk, request.model)
                if "prompt_progress" in chunk:
                    return count(chunk["prompt_progress"]["total"])
        except ProviderError as error:
            error.provider, error.model = self.card.id, request.model
            raise
        finally:
            generation.cancel()
            self._running.discard(generation)
        return None

    def embed(self, request: EmbeddingRequest) -> Embeddings:
        """The vectors of these texts; a signal is heard when they are done.

        Raises ConfigError, UsageError, ProviderError.
        """
        if request.dimensions is not None or request.purpose:
            what = "the number of dimensions" if request.dimensions else "the use of embeddings"
            raise UsageError(f"{self.card.id} cannot choose {what}: each model has its own")
        here = _here(request.model)
        server = self._model(here, embeds=True)
        body = {"model": request.model, "input": list(request.texts)}
        try:
            return openai_embeddings.parse(
                server.handle_embeddings(_encodable(merged(body, request.extra)))
            )
        except ProviderError as error:
            if "too large to process" in error.message:
                error = ContextTooLong(f"a text is too long: {error.message}")
            error.provider, error.model = self.card.id, request.model
            raise error from None

    def _model(self, found: weights.Weights, *, embeds: bool = False) -> Any:
        """The loaded model, to answer or to embed; another one makes room for it first."""
        key = (found.name, embeds)
        with self._lock:
            if self._loaded is None or self._loaded[0] != key:
                self._loaded = None
                context = self._context(found)
                server = llamacpp.open_model(found.path, found.name, context, embeds=embeds)
                self._loaded = (key, server)
            return self._loaded[1]

    def _context(self, found: weights.Weights) -> int:
        """The card's word, else what the model was trained for within a limit."""
        named = self.card.models.get(found.name)
        if named is not None and named.context is not None:
            return named.context
        return found.usable_context

    def preview(self, request: Request) -> str:
        """The JSON that the engine would get."""
        return json.dumps(self._body(request), ensure_ascii=False, indent=2)

    def fingerprint(self, request: Request) -> bytes:
        """What the engine would get, and which weights. Raises ConfigError where none are here."""
        here = _here(request.model)
        facts = here.path.stat()
        known = [self.card.id, here.name, facts.st_size, facts.st_mtime_ns, self._context(here)]
        return json.dumps([known, self._body(request)]).encode()

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


def _here(name: str) -> weights.Weights:
    """The weights of this name, when they and the engine are here. Raises ConfigError."""
    found = weights.look(name)
    if found is None:
        raise weights.missing(name)
    llamacpp.require_installed()
    return found


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
