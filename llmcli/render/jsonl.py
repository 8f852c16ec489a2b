"""The answer for programs: one JSON object at the end, or one line for each event."""

from __future__ import annotations

from llmcli.errors import Failure
from llmcli.events import (
    Attempt,
    Event,
    Fallback,
    Notice,
    ReasoningDelta,
    Replay,
    Retry,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from llmcli.messages import ToolCall
from llmcli.redaction import redact
from llmcli.render.display import Display
from llmcli.render.notes import Notes
from llmcli.render.objects import (
    Object,
    cache_object,
    call_object,
    dump,
    error_object,
    fallback_object,
    result_object,
    retry_object,
    usage_object,
)
from llmcli.render.output import Output
from llmcli.turn import Turn


class Json:
    """One object when all is over; the notes on stderr are those of any other mode."""

    def __init__(self, display: Display) -> None:
        self._output = Output(display.stdout)
        self._notes = Notes(display)

    def begin(self, turn: Turn) -> None:
        """Nothing to do: the first attempt starts the spinner."""

    def show(self, event: Event) -> None:
        """The turn has the answer; the rest goes to stderr."""
        if type(event) is not TextDelta:
            self._notes.hear(event)

    def flush(self) -> None:
        """Show reasoning; the object has to wait."""
        self._notes.flush()

    def finish(self, turn: Turn, exit_code: int = 0) -> None:
        """Write the result."""
        self._notes.end()
        self._output.write(dump(result_object(turn, exit_code)))
        self._notes.end(turn)

    def fail(self, error: Failure, turn: Turn | None) -> None:
        """Write the error in the result's place."""
        self._notes.end()
        self._output.write(dump(error_object(error, turn)))


class JsonLines:
    """An object for every event, a line each; the last is a result or an error."""

    def __init__(self, display: Display) -> None:
        self._output = Output(display.stdout)
        self._notes = Notes(display)
        self._lines: list[str] = []
        self._calls: dict[str, tuple[ToolCallStart, list[str]]] = {}
        self._ids: Object = {"id": None, "conversation": None}
        self._asked: Object = {"provider": None, "model": None}

    def begin(self, turn: Turn) -> None:
        """Learn the ids that `start` tells."""
        self._ids = {"id": turn.id, "conversation": turn.conversation}
        self._asked = {"provider": turn.provider, "model": turn.model}

    def show(self, event: Event) -> None:
        """Keep the event's line until the next flush."""
        value = self._object(event)
        if value is not None:
            self._lines.append(dump(value))
        elif type(event) is Attempt:
            self._asked = {"provider": event.provider, "model": event.model}
            self._notes.spin()

    def flush(self) -> None:
        """Write the lines kept."""
        if self._lines:
            text = "".join(self._lines)
            self._lines.clear()
            self._notes.clear()
            self._output.write(text)

    def finish(self, turn: Turn, exit_code: int = 0) -> None:
        """Write the result as the last line."""
        self._last(result_object(turn, exit_code))
        self._notes.end(turn)

    def fail(self, error: Failure, turn: Turn | None) -> None:
        """Write the error as the last line."""
        self._last(error_object(error, turn))

    def _last(self, value: Object) -> None:
        self._notes.end()
        self._lines.append(dump(value))
        self.flush()

    def _object(self, event: Event) -> Object | None:
        match event:
            case TextDelta(text):
                return {"type": "text", "text": text} if text else None
            case ReasoningDelta(text):
                return {"type": "reasoning", "text": text} if text else None
            case Start():
                return {"type": "start", **self._ids, **self._asked}
            case UsageReport(usage):
                return {"type": "usage", **usage_object(usage)}
            case Notice(message):
                return {"type": "warning", "message": redact(message)}
            case Replay(cached):
                return {"type": "cache", **(cache_object(cached) or {})}
            case Retry():
                return retry_object(event)
            case Fallback():
                return fallback_object(event)
            case _:
                return self._tool_call(event)

    def _tool_call(self, event: Event) -> Object | None:
        """A tool call once it is whole."""
        match event:
            case ToolCallStart(key):
                self._calls[key] = event, []
            case ToolCallDelta(key, fragment):
                self._calls[key][1].append(fragment)
            case ToolCallEnd(key):
                start, fragments = self._calls.pop(key)
                call = ToolCall(start.id, start.name, "".join(fragments))
                return {"type": "tool_call", **call_object(call)}
            case _:
                pass
        return None
