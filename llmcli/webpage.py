"""A web page as text that a model can read."""

from __future__ import annotations

import codecs
import re
from html.parser import HTMLParser

_DROPPED = frozenset(("script", "style", "template", "noscript", "svg", "iframe", "object"))
_BLOCKS = {
    *("address", "article", "aside", "blockquote", "body", "dd", "details", "dialog", "div", "dl"),
    *("dt", "fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "html", "main"),
    *("nav", "ol", "p", "section", "summary", "table", "tbody", "thead", "title", "ul"),
}
_HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
_SPACE = re.compile(r"\s+")
_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}charset\s*=\s*["']?([A-Za-z0-9_-]{1,40})""", re.IGNORECASE
)
_NO_CHARSETS = ("idna", "punycode", "raw-unicode-escape", "unicode-escape")  # Python's own; slow
_HEAD = 4096  # bytes in which a page says how it is encoded


def text_of(data: bytes, charset: str = "") -> str:
    """The words of a page: headings, paragraphs, lists; without markup, scripts and styles."""
    reader = _Reader()
    # Not closed: what is left is a tag that never ends, and to read on behind it, as closing does,
    # takes time in the square of its length. The line end lets go of text that could be one.
    reader.feed(decoded(data, charset) + "\n")
    return reader.text()


def decoded(data: bytes, charset: str = "") -> str:
    """The text in the encoding that its sender names, or the page itself, else in UTF-8."""
    if not charset and (found := _CHARSET.search(data[:_HEAD])):
        charset = found[1].decode("ascii")
    try:
        if codecs.lookup(charset or "utf-8-sig").name not in _NO_CHARSETS:
            return data.decode(charset or "utf-8-sig", "replace")
    except (LookupError, ValueError):
        pass  # no text encoding of ours
    return data.decode("utf-8-sig", "replace")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._pieces: list[str] = []
        self._dropping = 0
        self._verbatim = 0
        self._fresh = True  # at the start of a line, or behind a blank

    def parse_html_declaration(self, i: int) -> int:
        """`<![…` is a comment, as it is to a browser; html.parser gives up on some of them."""
        if self.rawdata.startswith("<![", i):
            return int(self.parse_bogus_comment(i))
        return int(super().parse_html_declaration(i))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._dropping += tag in _DROPPED
        self._verbatim += tag == "pre"
        if tag in _HEADINGS:
            self._write(f"\n\n{_HEADINGS[tag]} ")
        elif tag in _BLOCKS or tag == "pre":
            self._write("\n\n")
        elif tag in ("br", "tr"):
            self._write("\n")
        elif tag == "li":
            self._write("\n- ")
        elif tag in ("td", "th") and not self._fresh:
            self._write(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED and self._dropping:
            self._dropping -= 1
        if tag == "pre" and self._verbatim:
            self._verbatim -= 1
        if tag in _HEADINGS or tag in _BLOCKS or tag == "pre":
            self._write("\n\n")

    def handle_data(self, data: str) -> None:
        if self._verbatim:
            self._write(data)
            return
        words = _SPACE.sub(" ", data)
        self._write(words.lstrip() if self._fresh else words)

    def _write(self, text: str) -> None:
        if text and not self._dropping:
            self._pieces.append(text)
            self._fresh = text[-1].isspace()

    def text(self) -> str:
        """What was read, with one blank line between blocks at most."""
        lines = [line.rstrip() for line in "".join(self._pieces).split("\n")]
        kept = [line for at, line in enumerate(lines) if line or (at and lines[at - 1])]
        return "\n".join(kept).strip()
