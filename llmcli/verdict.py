"""Whether an answer that ended is what was asked for."""

from __future__ import annotations

from llmcli.errors import ExitCode
from llmcli.json_schema import unmet
from llmcli.turn import Turn


def verdict(turn: Turn, *, strict: bool) -> tuple[int, str]:
    """The exit code of an answer that ended, and a warning where it is not what was asked."""
    cut = ExitCode.INCOMPLETE if strict else ExitCode.OK
    if turn.finish_reason == "length":
        output = turn.usage.output if turn.usage else None
        where = f" at {output:,} tokens" if output else ""
        asked = "max_output_tokens" in turn.options
        limit = "-o max_output_tokens=N raises it" if asked else "a limit of the model or server"
        return cut, f"the answer was cut{where}: {limit}"
    if turn.finish_reason in ("content_filter", "refusal"):
        return cut, f"the provider stopped the answer ({turn.raw_finish or turn.finish_reason})"
    if turn.finish_reason == "pause":
        return cut, "the provider paused the answer before its end"
    if not turn.text.strip() and not turn.tool_calls:
        return cut, "the model answered with nothing"
    schema = turn.options.get("response_schema")
    words = unmet(turn.text, schema) if schema is not None and not turn.tool_calls else ""
    return (ExitCode.INCOMPLETE, words) if words else (ExitCode.OK, "")
