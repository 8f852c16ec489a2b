"""The texts of `llm embed`: one, or many from stdin, a line each, in batches."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from llmcli.cli.prompt import decode
from llmcli.errors import UsageError

BATCH_TEXTS = 256
# OpenAI takes 300,000 tokens in one call, and no token is shorter than a byte:
# https://platform.openai.com/docs/api-reference/embeddings/create (2026-11-21).
BATCH_BYTES = 256 << 10
_LINE_LIMIT = 1 << 20


class Row(NamedTuple):
    """A text, the line it stands in, and the id its vector gets."""

    line: int
    id: str | int | float
    text: str


def batches(rows: Iterator[Row], limit: int) -> Iterator[list[Row]]:
    """The rows in portions of at most `limit` texts, fewer where they are long.

    What stands before a bad line is handed on before that line's UsageError is raised.
    """
    batch: list[Row] = []
    size = 0
    try:
        for row in rows:
            length = len(row.text.encode("utf-8", "replace"))
            if batch and (len(batch) >= min(limit, BATCH_TEXTS) or size + length > BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(row)
            size += length
    except UsageError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def read(form: str) -> Iterator[Row]:
    """The rows of stdin, `lines` or `jsonl`, read as they are wanted. Raises UsageError."""
    parse: Callable[[int, str], Row | None] = _plain if form == "lines" else _json
    number = 0
    while data := _next_line():
        number += 1
        where = f"stdin, line {number}"
        if len(data) > _LINE_LIMIT:
            raise UsageError(f"{where}: longer than {_LINE_LIMIT >> 20} MiB")
        row = parse(number, decode(data, where).rstrip("\r\n"))
        if row is not None and not row.text.strip():
            raise UsageError(f"{where}: the text is empty, and an empty text has no vector")
        if row is not None:
            yield row


def _next_line() -> bytes:
    try:
        return sys.stdin.buffer.readline(_LINE_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"stdin cannot be read: {error.strerror}") from None


def _plain(number: int, text: str) -> Row:
    return Row(number, number, text)


def _json(number: int, text: str) -> Row | None:
    """A JSON string, or an object with `text` and perhaps `id`; a blank line is passed over."""
    if not text.strip():
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise _bad(number, "not JSON") from None
    if isinstance(value, str):
        return Row(number, number, value)
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        raise _bad(number, 'neither a JSON string nor an object with a "text"')
    return Row(number, _id(number, value.get("id", number)), value["text"])


def _id(number: int, value: Any) -> str | int | float:
    infinite = isinstance(value, float) and not math.isfinite(value)  # JSON has no word for it
    if infinite or isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise _bad(number, "the id must be a text or a number")
    return value


def _bad(number: int, words: str) -> UsageError:
    return UsageError(
        f"stdin, line {number}: {words}",
        hint='Each line: {"id": "a", "text": "some words"} or "some words"',
    )
