"""The neutral vocabulary of request options: names, types, ranges."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Literal, NamedTuple

from llmcli.errors import UsageError

OptionType = Literal["number", "integer", "boolean", "text", "texts", "object"]


class Option(NamedTuple):
    """One option: its type, what values it takes, and a line of help."""

    type: OptionType
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()


_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

OPTIONS: dict[str, Option] = {
    "temperature": Option("number", "randomness, 0 to 2", 0, 2),
    "top_p": Option("number", "nucleus sampling, 0 to 1", 0, 1),
    "top_k": Option("integer", "sample from the k likeliest tokens", 1),
    "max_output_tokens": Option("integer", "limit of the answer in tokens", 1),
    "stop": Option("texts", "stop at this text, or at any of a JSON list"),
    "seed": Option("integer", "ask for repeatable sampling"),
    "presence_penalty": Option("number", "-2 to 2", -2, 2),
    "frequency_penalty": Option("number", "-2 to 2", -2, 2),
    "reasoning_effort": Option("text", "how hard to think", choices=_EFFORTS),
    "reasoning_budget": Option("integer", "limit of the reasoning in tokens, 0 for none", 0),
    "cache": Option("boolean", "have the provider keep the prompt for a while, at a lower price"),
    "tool_choice": Option("text", "auto, none, required or a tool's name"),
    "parallel_tool_calls": Option("boolean", "allow several tool calls in one answer"),
    "response_schema": Option("object", "JSON Schema the answer has to meet, or @FILE"),
    "verbosity": Option("text", "length of the answer", choices=("low", "medium", "high")),
    "user": Option("text", "your own id of the end user"),
    "metadata": Option("object", "labels the provider keeps with the call"),
    "num_ctx": Option("integer", "context window to make room for, in tokens (Ollama)", 1),
    "keep_alive": Option("text", "how long the model stays loaded, such as 10m (Ollama)"),
}

_TYPE_NAMES: dict[OptionType, str] = {
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "text": "a text",
    "texts": "a text or a list of texts, none of them empty",
    "object": "a JSON object",
}


def nearest(word: str, names: Collection[str]) -> str:
    """A closing question with the nearest of `names`, or nothing."""
    close = close_names(word, names, 1)
    return f' Did you mean "{close[0]}"?' if close else ""


def close_names(word: str, names: Collection[str], limit: int = 3) -> list[str]:
    """At most `limit` of `names` that look like the word, the nearest first."""
    import difflib

    spelt = {name.lower(): name for name in names}
    close = difflib.get_close_matches(word.lower(), spelt, n=limit, cutoff=0.6)
    return [spelt[name] for name in close]


def check_option(name: str, value: Any) -> str:
    """What is wrong with a typed value of an option, in words, or nothing."""
    option = OPTIONS[name]
    if not _IS[option.type](value):
        return f"must be {_TYPE_NAMES[option.type]}"
    if option.choices and value not in option.choices:
        return f"must be one of {', '.join(option.choices)}"
    if option.low is not None and value < option.low:
        return f"must be at least {option.low:g}"
    if option.high is not None and value > option.high:
        return f"must be at most {option.high:g}"
    return ""


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) and v for v in value) and value != []


_IS: dict[OptionType, Callable[[Any], bool]] = {
    "number": _is_number,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "text": lambda value: isinstance(value, str),
    "texts": _is_texts,
    "object": lambda value: isinstance(value, dict),
}


def _read_boolean(text: str) -> Any:
    return {"true": True, "yes": True, "false": False, "no": False}.get(text.lower())


def _read_texts(text: str) -> Any:
    return json.loads(text) if text.startswith("[") else [text]


_READ: dict[OptionType, Callable[[str], Any]] = {
    "number": float,
    "integer": int,
    "boolean": _read_boolean,
    "text": str,
    "texts": _read_texts,
    "object": json.loads,
}


def parse_options(pairs: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read `key=value` pairs into (options, extra); `extra.KEY=JSON` goes into extra.

    Raises UsageError.
    """
    options: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign:
            raise UsageError(f'-o {pair}: write it as key=value, for example "-o temperature=0.2"')
        if name.startswith("extra."):
            extra[name.removeprefix("extra.")] = _extra_value(name, text)
        else:
            options[name] = _option_value(name, text)
    return options, extra


def _extra_value(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise UsageError(f"-o {name}: the value must be JSON; a text needs its quotes") from None


def _option_value(name: str, text: str) -> Any:
    option = OPTIONS.get(name)
    if option is None:
        raise UsageError(
            f"-o {name}: unknown option.{nearest(name, OPTIONS)}",
            hint=f"Known: {', '.join(OPTIONS)}. Anything else: -o extra.KEY=JSON",
        )
    if option.type == "object" and text.startswith("@"):
        text = _file_text(name, text[1:])
    try:
        value = _READ[option.type](text)
    except (ValueError, RecursionError):
        value = None
    problem = check_option(name, value)
    if problem:
        raise UsageError(f"-o {name}={text[:40]}: {problem}")
    return value


def _file_text(name: str, path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"-o {name}=@{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"-o {name}=@{path}: not UTF-8 text") from None


def check_supported(
    options: Iterable[str],
    supported: Collection[str],
    provider: str,
    way: Callable[[str], str],
) -> None:
    """Refuse, before anything is sent, an option that cannot be sent there. Raises UsageError.

    `way` gives the hint how it can be sent after all, or nothing.
    """
    for name in options:
        if name not in supported:
            known = f"It takes: {', '.join(sorted(supported))}. Anything else: -o extra.KEY=JSON"
            raise UsageError(f"{provider} cannot send the option {name}", hint=way(name) or known)
