"""Marks inside a line: code, bold, italic, strikethrough, links, escapes; formulas stay as sent.

It shows text as early as it can. What looks like a mark waits for its other half, for the end of
the line, or for a limit, and is shown as it is when there is no other half. The outcome depends on
the text alone, never on the pieces it arrives in.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from llmcli.render.spans import Emit, Spans
from llmcli.render.styles import BOLD, CODE, DIM, ITALIC, STRIKE, UNDERLINE, WHOLE

CODE_LIMIT = 1000  # characters in a code span or in the address of a link
_LONGEST_RUN = 8
_TEXT = re.compile(r"[^\\`*_~\[\]!<]+")
_TICKS = re.compile("`+")
_RUN = re.compile(r"([`*_~])\1*")
_ADDRESS = r"[^\s()<>]*(?:\([^\s()]*\)[^\s()<>]*)*"
_TARGET = re.compile(rf"\(({_ADDRESS}(?:[ \t]+(?:\"[^\"]*\"|'[^']*'))?)\)")
_TARGET_BEGUN = re.compile(rf"\({_ADDRESS}(?:\([^\s()]*|[ \t]+(?:[\"'].*)?)?")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^\s<>]+)>")
_SCHEMES = ("<http://", "<https://", "<mailto:")
_ESCAPABLE = frozenset("\\`*_~#|<>-+.!$")
_FORMULAS = {"(": "\\)", "[": "\\]"}
_CLOSING = frozenset(".,:;!?)]}%\"'”’。，：；！？）】」』》")
_COUNTS = {1: (1, 3), 2: (2, 3), 3: (1, 2, 3)}


def _blank(character: str) -> bool:
    return not character or character.isspace()


def _word(character: str) -> bool:
    """A letter or digit of a script that puts spaces between words."""
    return character.isalnum() and character < "\u0530"


def _edge(character: str) -> bool:
    """Not a letter or digit, or one of a script without spaces."""
    return not character.isalnum() or character >= "\u2e80"


def flanking(mark: str, before: str, after: str) -> tuple[bool, bool]:
    """Whether a run of this mark between these two characters may open, and may close, a span.

    The rule is CommonMark's (https://spec.commonmark.org/0.31.2/#left-flanking-delimiter-run,
    seen 2026-11-21), stricter inside words, so that `2*3*4` and `x**2` stay, and laxer next to
    closing punctuation and to scripts without spaces.
    """
    left = not _blank(after) and (after.isalnum() or _edge(before))
    right = not _blank(before) and (before.isalnum() or _edge(after) or before in _CLOSING)
    if mark == "~":
        return left, right
    return left and not _word(before), right and (mark == "*" or not _word(after))


class Inline:
    """Reads the text of one line after the other and emits it with styles.

    Without `color`, marks whose meaning would be lost are kept: backticks and tildes.
    """

    def __init__(self, emit: Emit, color: bool) -> None:
        self.formula = ""  # what ends a formula that goes on over lines
        self._color = color
        self._spans = Spans(emit)
        self._tail = ""
        self._before = ""
        self._at = 0
        self._literal = ""
        self._run = ""
        self._seen = 0
        self._readers: dict[str, Callable[[str, int, bool], int]] = {
            "`": self._read_code,
            "*": self._read_run,
            "_": self._read_run,
            "~": self._read_run,
            "[": self._read_bracket,
            "]": self._read_closing_bracket,
            "!": self._read_image,
            "<": self._read_autolink,
            "\\": self._read_escape,
        }

    def feed(self, text: str) -> None:
        """The next piece of the line."""
        self._tail += text
        self._scan(final=False)

    def end(self, newline: bool) -> None:
        """The line, or with it the whole text, is over."""
        if newline and self._tail == "\\" and not self._literal:
            self._tail = ""  # a hard line break
        self._scan(final=True)
        self._spans.settle()
        self._tail = self._before = self._run = ""
        self._literal = self.formula
        self._at = 0

    def begin_formula(self, opening: str, closing: str) -> None:
        """A formula begins with `opening` and goes on, over lines, up to `closing`."""
        self._spans.text(opening)
        self.formula = self._literal = closing

    def end_formula(self) -> None:
        """The formula is over, closed or not."""
        self.formula = self._literal = ""

    def _scan(self, final: bool) -> None:
        buffer, place = self._tail, 0
        while place < len(buffer):
            step = self._step(buffer, place, final)
            if not step:
                break
            place += step
            self._at += step
            self._seen = 0
            self._before = buffer[place - 1]
        self._tail = buffer[place:]
        self._spans.expire(self._at)

    def _step(self, buffer: str, place: int, final: bool) -> int:
        """Read at `place`; the number of characters done with, 0 to wait for more."""
        if self._literal:
            return self._read_literal(buffer, place, final)
        character = buffer[place]
        if self._run and self._run != character:
            self._run = ""
        reader = self._readers.get(character)
        if reader:
            self._spans.expire(self._at)
            return reader(buffer, place, final)
        match = _TEXT.match(buffer, place)
        assert match
        return self._plain(match.group())

    def _plain(self, text: str) -> int:
        if text:
            self._spans.text(text)
        return len(text)

    def _read_literal(self, buffer: str, place: int, final: bool) -> int:
        found = buffer.find(self._literal, place)
        if found >= 0:
            end = found + len(self._literal)
            self.end_formula()
        else:
            end = len(buffer) - (0 if final else len(self._literal) - 1)
        return self._plain(buffer[place:end]) if end > place else 0

    def _whole_run(self, buffer: str, place: int, final: bool) -> str:
        """The run of equal marks at `place`, or nothing while it may still grow.

        A very long one is text, however it goes on.
        """
        match = _RUN.match(buffer, place)
        assert match
        if match.end() == len(buffer) and not final and len(match[0]) > _LONGEST_RUN:
            self._run = match[1]
        return match[0] if match.end() < len(buffer) or final or self._run else ""

    def _read_code(self, buffer: str, place: int, final: bool) -> int:
        run = self._whole_run(buffer, place, final)
        if not run or self._run or len(run) > _LONGEST_RUN:
            return self._plain(run)
        begin = place + len(run)
        for ticks in _TICKS.finditer(buffer, max(begin, place + self._seen)):
            if ticks.start() - begin > CODE_LIMIT:
                break
            if ticks.end() == len(buffer) and not final:
                self._seen = ticks.start() - place
                return 0
            if len(ticks[0]) == len(run):
                self._emit_code(buffer[begin : ticks.start()], run)
                return ticks.end() - place
        if not final and len(buffer) - begin <= CODE_LIMIT:
            self._seen = len(buffer) - place
            return 0
        return self._plain(run)

    def _emit_code(self, code: str, run: str) -> None:
        if not self._color:
            self._spans.text(run + code + run, WHOLE)
            return
        if code[:1] == " " == code[-1:] and code.strip(" "):
            code = code[1:-1]
        self._spans.text(code, CODE | WHOLE)

    def _read_run(self, buffer: str, place: int, final: bool) -> int:
        run = self._whole_run(buffer, place, final)
        mark, count = buffer[place], len(run)
        if not run or self._run or count > 3 or (mark == "~" and (count != 2 or not self._color)):
            return self._plain(run)
        after = buffer[place + count : place + count + 1]
        opens, closes = flanking(mark, self._before, after)
        if closes:
            joined = _word(self._before) and _word(after)
            count = self._close(mark, count, joined)
        if count and opens:
            self._spans.open(mark, count, mark * count, self._at)
        elif count:
            self._spans.text(mark * count)
        return len(run)

    def _close(self, mark: str, count: int, joined: bool) -> int:
        """Match closing marks with open ones; how many are left over.

        `joined`: they stand inside a word, so they only close a span within it. A name like
        `__init__` is no span.
        """
        while count and (opener := self._spans.find(mark, _COUNTS[count])):
            inside = self._spans.inside(opener)
            if joined and any(map(str.isspace, inside)):
                break
            take = min(2, count, opener.count)
            if mark == "_" and take == 2 and inside.isidentifier():
                self._spans.discard(opener)
                break
            style = STRIKE if mark == "~" else BOLD if take == 2 else ITALIC
            self._spans.match(opener, take, style)
            count -= take
        return count

    def _read_bracket(self, buffer: str, place: int, final: bool) -> int:  # noqa: ARG002
        self._spans.open("[", 1, "[", self._at)
        return 1

    def _read_image(self, buffer: str, place: int, final: bool) -> int:
        if place + 1 == len(buffer) and not final:
            return 0
        if buffer[place + 1 : place + 2] != "[":
            return self._plain("!")
        self._spans.open("[", 1, "![", self._at)
        return 2

    def _read_closing_bracket(self, buffer: str, place: int, final: bool) -> int:
        opener = self._spans.find("[")
        if opener is None:
            return self._plain("]")
        target = _TARGET.match(buffer, place + 1)
        if target and target.end() - place <= CODE_LIMIT and target[1].strip():
            label = self._spans.inside(opener)
            shown = "image: " if opener.node.text == "![" else ""
            self._spans.match(opener, 1, UNDERLINE, shown)
            self._show_target(target[1], label)
            return target.end() - place
        waiting = len(buffer) - place < CODE_LIMIT and not target and not final
        if waiting and (place + 1 == len(buffer) or _TARGET_BEGUN.fullmatch(buffer, place + 1)):
            return 0
        self._spans.discard(opener)
        return self._plain("]")

    def _show_target(self, target: str, label: str) -> None:
        if target.removeprefix("mailto:") != label:
            self._spans.text(" ")
            self._spans.text(f"({target})", DIM | WHOLE)

    def _read_autolink(self, buffer: str, place: int, final: bool) -> int:
        match = _AUTOLINK.match(buffer, place)
        if match and match.end() - place <= CODE_LIMIT:
            self._spans.text(match[1], UNDERLINE | WHOLE)
            return match.end() - place
        rest = buffer[place : place + CODE_LIMIT]
        begun = any(rest.startswith(s) or s.startswith(rest) for s in _SCHEMES)
        if begun and not final and len(rest) < CODE_LIMIT and not re.search(r"[\s<>]", rest[1:]):
            return 0
        return self._plain("<")

    def _read_escape(self, buffer: str, place: int, final: bool) -> int:
        following = buffer[place + 1 : place + 2]
        if not following:
            return self._plain("\\") if final else 0
        if following in _FORMULAS:
            self._literal = _FORMULAS[following]
            return self._plain("\\" + following)
        if following in _ESCAPABLE:
            self._spans.text(following)
            return 2
        return self._plain("\\")
