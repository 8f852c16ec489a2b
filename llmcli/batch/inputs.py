"""The prompts of a batch: JSON lines, CSV or one prompt a line, read as they are wanted."""

from __future__ import annotations

import codecs
import csv
import json
import math
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

from llmcli.batch import template as templates
from llmcli.batch.template import Template
from llmcli.errors import UsageError
from llmcli.sanitize import one_line

FORMATS = ("jsonl", "csv", "tsv", "lines")
LINE_LIMIT = 16 << 20
_ID_LIMIT = 1000  # characters
_SUFFIXES = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".csv": "csv", ".tsv": "tsv", ".tab": "tsv",
}  # fmt: skip
_SURROGATE = re.compile("[\ud800-\udfff]")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_WAY = 'Each line: {"prompt": "some words"}; of other columns: -p "Summarise: {text}"'
_EMPTY_HINT = 'One prompt a line, CSV with a header, or JSON lines: {"prompt": "…"}'


class Item(NamedTuple):
    """One prompt, the line its text begins in, and the id its answer gets.

    `system` is its own system prompt, None where it has none.
    """

    id: str
    line: int
    prompt: str
    system: str | None = None


class Inputs:
    """A file of prompts that can be read more than once; `-` is stdin.

    What cannot be read twice, as a pipe, is put into a temporary file first. `form` is one of
    FORMATS, else the file's name and first line tell. Raises UsageError.
    """

    def __init__(self, path: str, template: str = "", form: str = "") -> None:
        if form not in ("", *FORMATS):
            raise UsageError(f"--format takes one of {', '.join(FORMATS)}")
        self.name = "stdin" if path == "-" else one_line(path, 200)
        self._template = templates.parse(template) if template else None
        self._file = _open(path, self.name)
        try:
            self._form = form or _SUFFIXES.get(Path(path).suffix.lower()) or self._guess()
        except BaseException:
            self._file.close()
            raise

    def items(self) -> Iterator[Item]:
        """Every prompt, from the first line on.

        Raises UsageError that names the line: no text, no such column, an id that is there twice.
        """
        self._file.seek(0)
        seen: set[str] = set()
        items = self._lines() if self._form == "lines" else self._rows()
        for item in items:
            where = f"{self.name}, line {item.line}"
            if not item.prompt.strip():
                raise UsageError(f"{where}: the prompt is empty")
            if item.id in seen:
                words = f'{where}: the id "{one_line(item.id, 40)}" is there twice'
                raise UsageError(words, hint="Without an id the number of its line is one.")
            seen.add(item.id)
            yield item

    def check(self, limit: int = 0) -> int:
        """Read it all, or so many prompts; how many there are. Raises UsageError."""
        count = 0
        for count, _ in enumerate(self.items(), 1):
            if count == limit:
                break
        if not count:
            raise UsageError(f"{self.name} has no prompts", hint=_EMPTY_HINT)
        return count

    def same_as(self, path: Path) -> bool:
        """Whether that is the same file."""
        try:
            here, there = Path(self._file.name).stat(), path.stat()
        except (OSError, TypeError):
            return False
        return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _guess(self) -> str:
        """The format by the first line that holds anything."""
        for _, text in self._texts():
            if text.strip():
                return "jsonl" if text.lstrip()[0] == "{" else "lines"
        return "lines"

    def _texts(self) -> Iterator[tuple[int, str]]:
        """The lines with their numbers, their ends kept."""
        number = 0
        while data := self._file.readline(LINE_LIMIT + 1):
            number += 1
            where = f"{self.name}, line {number}"
            if len(data) > LINE_LIMIT:
                raise UsageError(f"{where}: longer than {LINE_LIMIT >> 20} MiB")
            yield number, _decoded(data, number, where)

    def _lines(self) -> Iterator[Item]:
        for number, text in self._texts():
            line = text.rstrip("\r\n")
            if line.strip():
                prompt = line
                if self._template:
                    where = f"{self.name}, line {number}"
                    prompt = self._template.fill({"text": line, "prompt": line}, where)
                yield Item(str(number), number, prompt)

    def _rows(self) -> Iterator[Item]:
        rows = self._objects() if self._form == "jsonl" else self._records()
        for number, values in rows:
            yield _item(values, number, f"{self.name}, line {number}", self._template)

    def _objects(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """The objects of JSON lines; a bare text is one with that `text` and `prompt`."""
        for number, text in self._texts():
            if not text.strip():
                continue
            where = f"{self.name}, line {number}"
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                hint = _LIST_HINT if text.lstrip()[0] in "[{" and len(text.strip()) == 1 else _WAY
                raise UsageError(f"{where}: not JSON", hint=hint) from None
            if isinstance(value, str):
                value = {"prompt": value, "text": value}
            if not isinstance(value, dict):
                hint = _LIST_HINT if isinstance(value, list) else _WAY
                raise UsageError(f"{where}: neither a JSON object nor a text", hint=hint)
            yield number, value

    def _records(self) -> Iterator[tuple[int, dict[str, str]]]:
        """The rows of a table by the names in its first line, and where each begins."""
        csv.field_size_limit(LINE_LIMIT)
        texts = (text for _, text in self._texts())
        reader = csv.reader(texts, strict=True, delimiter=self._delimiter())
        header: list[str] = []
        begun = 1
        while True:
            try:
                row = next(reader, None)
            except csv.Error as error:
                raise UsageError(f"{self.name}, line {begun}: no CSV: {error}") from None
            if row is None:
                return
            if any(cell.strip() for cell in row):
                where = f"{self.name}, line {begun}"
                if not header:
                    header = self._header(row, where)
                elif len(row) != len(header):
                    raise UsageError(f"{where}: {len(row)} columns, and {len(header)} in line 1")
                else:
                    yield begun, dict(zip(header, row, strict=True))
            begun = reader.line_num + 1

    def _header(self, row: list[str], where: str) -> list[str]:
        names = [name.strip() for name in row]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise UsageError(f'{where}: the column "{one_line(twice[0], 40)}" is there twice')
        if self._template:
            self._template.check(names, where)
        elif "prompt" not in names:
            known = ", ".join(one_line(name, 40) for name in names[:20])
            hint = f'Say what to ask with the columns ({known}): -p "Summarise: {{{names[0]}}}"'
            raise UsageError(f'{where}: no column "prompt"', hint=hint)
        return names

    def _delimiter(self) -> str:
        """A tab, a comma, or the semicolon that Excel writes where the comma is in numbers."""
        if self._form == "tsv":
            return "\t"
        first = next((text for _, text in self._texts() if text.strip()), "")
        self._file.seek(0)
        return ";" if ";" in first and "," not in first else ","


_LIST_HINT = "One object a line, not a list: jq -c '.[]' FILE > lines.jsonl"


def read(path: str, template: str = "", form: str = "") -> Iterator[Item]:
    """The prompts of a file, once. Raises UsageError."""
    with Inputs(path, template, form) as inputs:
        yield from inputs.items()


def _open(path: str, name: str) -> IO[bytes]:
    """The file, able to go back to its beginning."""
    try:
        file = sys.stdin.buffer if path == "-" else open(path, "rb")  # noqa: SIM115
        if path != "-" and stat.S_ISREG(Path(path).stat().st_mode):
            return file
        spooled = tempfile.TemporaryFile()  # noqa: SIM115
        shutil.copyfileobj(file, spooled, 1 << 20)
        return spooled
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from None


def _decoded(data: bytes, number: int, where: str) -> str:
    if number == 1:
        if data.startswith(_UTF16):
            raise UsageError(f"{where}: UTF-16 text", hint="Convert it: iconv -f UTF-16 -t UTF-8")
        data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        hint = "Convert it: iconv -f WINDOWS-1252 -t UTF-8"
        raise UsageError(f"{where}: not UTF-8 (byte {error.start + 1})", hint=hint) from None


def _item(values: dict[str, Any], line: int, where: str, template: Template | None) -> Item:
    if template:
        prompt = template.fill(values, where)
    elif isinstance(values.get("prompt"), str):
        prompt = values["prompt"]
    else:
        known = ", ".join(one_line(name, 40) for name in list(values)[:20]) or "none"
        raise UsageError(f'{where}: no text "prompt"; its columns: {known}', hint=_WAY)
    system = None if template and "system" in template.columns else values.get("system")
    if system is not None and not isinstance(system, str):
        raise UsageError(f'{where}: "system" is no text')
    return Item(_id(values.get("id"), line, where), line, prompt, system or None)


def _id(value: Any, line: int, where: str) -> str:
    """The id as a text; where there is none, the number of the line."""
    if value is None or value == "":
        return str(line)
    odd = isinstance(value, bool) or not isinstance(value, (str, int, float))
    if odd or (isinstance(value, float) and not math.isfinite(value)):
        raise UsageError(f"{where}: the id must be a text or a number")
    text = _SURROGATE.sub("\ufffd", str(value))  # as it is written into the output
    if len(text) > _ID_LIMIT:
        raise UsageError(f"{where}: the id is longer than {_ID_LIMIT} characters")
    return text
