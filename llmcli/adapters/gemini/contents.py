"""Messages to contents: turns of user and model, each with its parts.

Signatures: https://ai.google.dev/gemini-api/docs/thought-signatures (2026-11-21).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from llmcli.adapters.base import replayed
from llmcli.adapters.call_ids import CallIds
from llmcli.adapters.gemini.thinking import family_of
from llmcli.cards import Card
from llmcli.errors import UsageError
from llmcli.messages import Media, Message, Part, Request, Text, ToolCall, ToolResult

UNSIGNED = "skip_thought_signature_validator"  # documented, for calls another model made


class _Called(NamedTuple):
    """A tool call as it was sent: its place in the conversation, its name, and its id if any."""

    place: int
    name: str
    id: str | None


def render(request: Request, card: Card) -> dict[str, Any]:
    """System prompt, contents, and the token by which a paused answer goes on.

    Raises UsageError for what cannot be sent.
    """
    spoken = [message for message in request.messages if message.role != "system"]
    rendered: dict[str, Any] = {}
    system = [m.text for m in request.messages if m.role == "system"]
    if any(system):
        rendered["systemInstruction"] = {"parts": [{"text": text} for text in system if text]}
    token = _continuation(spoken, request.model, card)
    if token:
        spoken.pop()
    rendered["contents"] = _Turns(request.model, card).render(spoken)
    if not rendered["contents"]:
        raise UsageError(f"{card.name} takes no empty prompt")
    if token:
        rendered["continuationToken"] = token
    return rendered


def _continuation(messages: Sequence[Message], model: str, card: Card) -> Any:
    """The token of a paused answer at the end: the same request is sent again with it."""
    if not messages or messages[-1].role != "assistant":
        return None
    return (replayed(messages[-1], card, model) or {}).get("continuationToken")


class _Turns:
    """Renders one conversation, remembering the tool calls that later results answer."""

    def __init__(self, model: str, card: Card) -> None:
        self._model = model
        self._card = card
        self._signs = family_of(model).signs
        self._ids = CallIds()
        self._called: dict[str, _Called] = {}

    def render(self, messages: Sequence[Message]) -> list[dict[str, Any]]:
        """Contents of alternating roles; neighbours of one role become one."""
        current = _current_turn(messages)
        rendered: list[dict[str, Any]] = []
        for is_model, group in groupby(enumerate(messages), _is_model):
            role = "model" if is_model else "user"
            parts: list[dict[str, Any]] = []
            if is_model:
                for number, message in group:
                    parts += self._assistant(message, in_current_turn=number >= current)
            else:
                parts = self._user([part for _, message in group for part in message.parts])
            if rendered and rendered[-1]["role"] == role:
                rendered[-1]["parts"] += parts
            elif parts:
                rendered.append({"role": role, "parts": parts})
        return rendered

    def _assistant(self, message: Message, *, in_current_turn: bool) -> list[dict[str, Any]]:
        calls = [part for part in message.parts if isinstance(part, ToolCall)]
        raw = _raw_parts(replayed(message, self._card, self._model), len(calls))
        if raw is not None:
            sent = [part["functionCall"] for part in raw if "functionCall" in part]
            for call, wire in zip(calls, sent, strict=True):
                known, place = wire.get("id"), len(self._called)
                known = known if isinstance(known, str) and known else None
                self._called[self._ids.of_call(call.id)] = _Called(place, call.name, known)
            return raw
        parts: list[dict[str, Any]] = [{"text": message.text}] if message.text else []
        first = len(parts)
        for call in calls:
            call_id = self._ids.of_call(call.id)
            self._called[call_id] = _Called(len(self._called), call.name, call_id or None)
            parts.append({"functionCall": _call(call, call_id)})
        if calls and self._signs and in_current_turn:
            parts[first]["thoughtSignature"] = UNSIGNED
        return parts

    def _user(self, parts: Iterable[Part]) -> list[dict[str, Any]]:
        """Tool results first, in the order of their calls: without ids only that matches them."""
        results, others = [], []
        for part in parts:
            if isinstance(part, ToolResult):
                called = self._find(part)
                results.append((called.place, _result(part, called)))
            elif not (isinstance(part, Text) and not part.text):
                others.append(_part(part))
        results.sort(key=lambda result: result[0])
        return [result for _, result in results] + others

    def _find(self, result: ToolResult) -> _Called:
        found = self._called.get(self._ids.of_result(result.call_id))
        if found is None:
            raise UsageError(f"a tool result answers no tool call ({result.call_id})")
        return found


def _result(result: ToolResult, called: _Called) -> dict[str, Any]:
    response: dict[str, Any] = {"id": called.id} if called.id else {}
    response["name"] = called.name
    response["response"] = {"error" if result.is_error else "output": result.text}
    return {"functionResponse": response}


def _is_model(item: tuple[int, Message]) -> bool:
    return item[1].role == "assistant"


def _current_turn(messages: Sequence[Message]) -> int:
    """The place of the last message that a user wrote; tool results go on with a turn."""
    places = (
        place
        for place, message in enumerate(messages)
        if message.role != "assistant" and any(isinstance(p, (Text, Media)) for p in message.parts)
    )
    return max(places, default=0)


def _raw_parts(data: Mapping[str, Any] | None, calls: int) -> list[dict[str, Any]] | None:
    """The parts as they came, where they hold as many calls as the message."""
    parts = data.get("parts") if data else None
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        return None
    sent = [part["functionCall"] for part in parts if "functionCall" in part]
    whole = len(sent) == calls and all(isinstance(call, dict) for call in sent)
    return list(parts) if whole and parts else None


def _call(call: ToolCall, call_id: str) -> dict[str, Any]:
    try:
        arguments = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):  # the wire holds an object only
        arguments = {"arguments": call.arguments}
    return {"id": call_id, "name": call.name, "args": arguments}


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"text": part.text}
    if isinstance(part, Media):
        data = base64.b64encode(part.data).decode()
        return {"inlineData": {"mimeType": part.media_type, "data": data}}
    raise UsageError(f"a user's message cannot hold a {type(part).__name__}")
