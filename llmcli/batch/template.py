"""Templates of prompts: `Summarise: {text}`, filled from the columns of a line."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from llmcli.errors import UsageError
from llmcli.options import nearest
from llmcli.sanitize import one_line

_PIECE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_SHOWN = 40  # characters of a name in a message


class Template(NamedTuple):
    """Text and the columns between it: `texts` has one more than `columns`."""

    texts: tuple[str, ...]
    columns: tuple[str, ...]

    def fill(self, values: Mapping[str, Any], where: str) -> str:
        """The prompt of one line, which `where` names. Raises UsageError."""
        self.check(values, where)
        found = [self.texts[0]]
        for name, text in zip(self.columns, self.texts[1:], strict=True):
            found += (_written(values[name], name, where), text)
        return "".join(found)

    def check(self, names: Collection[str], where: str) -> None:
        """Raise UsageError for a column that is not among these names."""
        for name in self.columns:
            if name not in names:
                raise _unknown(name, names, where)


def parse(text: str) -> Template:
    """A template as it is typed; `{{` and `}}` are braces. Raises UsageError."""
    texts, columns, begun = [""], [], 0
    for match in _PIECE.finditer(text):
        texts[-1] += text[begun : match.start()]
        begun = match.end()
        if match[1] is not None and match[1].strip():
            columns.append(match[1].strip())
            texts.append("")
        elif match[0] in ("{{", "}}"):
            texts[-1] += match[0][0]
        else:
            raise UsageError(
                f'-p: a lone "{match[0]}" at character {match.start() + 1}',
                hint='A column is written {text}, a brace {{ or }}: -p "As {{}}: {text}"',
            )
    texts[-1] += text[begun:]
    if not columns:
        raise UsageError(
            "-p names no column, so every prompt would be the same",
            hint='For example: -p "Summarise: {text}"; of a file of lines the column is {text}.',
        )
    return Template(tuple(texts), tuple(columns))


def _written(value: Any, name: str, where: str) -> str:
    """A value of JSON as it stands in a prompt: a text as it is, all else as JSON."""
    if value is None:
        raise UsageError(f'{where}: "{one_line(name, _SHOWN)}" is null')
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _unknown(name: str, names: Collection[str], where: str) -> UsageError:
    shown = [one_line(one, _SHOWN) for one in names]
    words = f'{where}: no column "{one_line(name, _SHOWN)}".{nearest(name, shown)}'
    known = ", ".join(shown[:20]) or "none"
    hint = f"Columns: {known}. A brace of the prompt's own is written {{{{ or }}}}."
    return UsageError(words, hint=hint)
