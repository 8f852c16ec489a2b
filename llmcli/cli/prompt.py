"""The prompt: words, piped text and attachments, checked before anything is sent."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from llmcli.errors import UsageError
from llmcli.messages import Tool

STDIN_LIMIT = 16 << 20
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def build(words: Sequence[str], piped: str | None) -> str:
    """The prompt: piped text is context before the words, a blank line between.

    Raises UsageError for an empty one.
    """
    text = " ".join(words)
    if list(words) == ["-"]:
        text, piped = piped or "", None
    text = _without_surrogates(text)
    both = [part for part in (piped, text) if part and part.strip()]
    if not both:
        raise UsageError("the prompt is empty", hint='Try: llm "why is the sky blue?"')
    if len(both) == 1:
        return both[0]
    return f"{both[0].rstrip(chr(10))}\n\n{both[1]}"


def take(words: Sequence[str], attached: bool) -> str:
    """The prompt of words and stdin; it may be empty where a file is `attached`.

    Raises UsageError.
    """
    piped = read_stdin(typed=list(words) == ["-"])
    if attached and not words and not (piped and piped.strip()):
        return ""
    return build(words, piped)


def _without_surrogates(text: str) -> str:
    """Bytes of the command line that are not UTF-8 become U+FFFD."""
    return (
        text
        if text.isascii()
        else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    )


def read_stdin(*, typed: bool = False) -> str | None:
    """What is piped in, or None when stdin is a terminal and nothing is to be `typed` there.

    Raises UsageError.
    """
    if sys.stdin.isatty() and not typed:
        return None
    try:
        if hasattr(os, "set_blocking"):
            os.set_blocking(sys.stdin.fileno(), True)  # whoever gave it may have made it otherwise
        data = sys.stdin.buffer.read(STDIN_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"stdin cannot be read: {error.strerror}") from None
    if len(data) > STDIN_LIMIT:
        raise UsageError(f"stdin is larger than {STDIN_LIMIT >> 20} MiB; nothing was sent")
    return decode(data, "stdin")


def decode(data: bytes, where: str) -> str:
    """UTF-8 text, a BOM dropped. Raises UsageError that tells what it is instead."""
    if data.startswith(_UTF16):
        raise UsageError(f"{where} is UTF-16 text", hint="Convert it: iconv -f UTF-16 -t UTF-8")
    try:
        return data.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{where} is not UTF-8 text (byte {error.start})",
            hint="To send an image or a document: llm -a FILE PROMPT",
        ) from None


def tools(path: str | None) -> tuple[Tool, ...]:
    """The tools of a JSON file, bare or wrapped as `{"type": "function", "function": …}`."""
    if path is None:
        return ()
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8"))
        if not isinstance(rows, list):
            raise TypeError
        functions = [row.get("function", row) for row in rows]
        return tuple(
            Tool(
                name=str(row["name"]),
                description=str(row.get("description", "")),
                parameters=dict(row.get("parameters", {})),
                strict=row.get("strict"),
            )
            for row in functions
        )
    except OSError as error:
        raise UsageError(f"--tools {path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UsageError(
            f"--tools {path}: not a JSON list of tools",
            hint='Each one: {"name": "…", "description": "…", "parameters": {…JSON Schema…}}',
        ) from None
