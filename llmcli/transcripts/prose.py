"""Markdown from a model as HTML that can do no harm: no raw HTML, no images, few kinds of links."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from pygments.token import STANDARD_TYPES  # type: ignore[import-untyped]

from llmcli.languages import LONGEST, Code, Kind, lexer
from llmcli.redaction import redact
from llmcli.transcripts.facts import shown

_LINK = re.compile(r"https?://|mailto:", re.IGNORECASE)
_NESTING = 10_000  # the library drops what is nested deeper; Python gives up long before


class Prose(RendererHTML):
    """Renders the pieces that are not as markdown-it has them."""

    def fence(
        self,
        tokens: Sequence[Token],
        idx: int,
        options: OptionsDict,  # noqa: ARG002 - the library's signature
        env: EnvType,  # noqa: ARG002
    ) -> str:
        """A fenced block of code, coloured by classes where the language is known."""
        return code(tokens[idx].content, tokens[idx].info)

    code_block = fence

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        """Where an image would be: its words and address, for nothing is fetched."""
        words = self.renderInlineAsText(tokens[idx].children or [], options, env)
        address = str(tokens[idx].attrs.get("src", ""))
        return f'<span class="image">[{escape(words or "image")}: {escape(address)}]</span>'


class _Markdown(MarkdownIt):
    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False, "maxNesting": _NESTING}, renderer_cls=Prose)
        self.enable(["table", "strikethrough"])

    def validateLink(self, url: str) -> bool:  # noqa: N802 - the library's name
        return bool(_LINK.match(url))


def to_html(text: str) -> str:
    """The HTML of an answer; one that is nested beyond reason stands as it was sent."""
    markdown = _Markdown()
    try:
        tokens = markdown.parse(redact(text))
        _tame(tokens)
        return str(markdown.renderer.render(tokens, markdown.options, {}))
    except RecursionError:
        return f'<div class="plain">{escape(shown(text))}</div>\n'


def _tame(tokens: Iterable[Token]) -> None:
    """Make what comes from entities and addresses safe too, and use no style attributes."""
    for token in tokens:
        token.content = shown(token.content)
        token.info = shown(token.info)
        token.attrs = {name: _safe(value) for name, value in token.attrs.items()}
        if "style" in token.attrs:
            token.attrs["class"] = str(token.attrs.pop("style")).rpartition(":")[2]
        if token.type == "link_open":
            token.attrs["rel"] = "noopener noreferrer nofollow"
        _tame(token.children or ())


def _safe(value: str | float) -> str | float:
    return shown(value) if isinstance(value, str) else value


def code(text: str, info: str = "") -> str:
    """A block of code whose text is safe already."""
    language = info.strip().partition(" ")[0].strip("{}.").partition(",")[0]
    label = f'<span class="language">{escape(language)}</span>' if language else ""
    return f'<pre class="code">{label}<code>{_coloured(text, language)}</code></pre>\n'


def _coloured(text: str, language: str) -> str:
    found = lexer(language) if language else None
    if found is None:
        return escape(text)
    block = Code(found)
    return "\n".join(_line(line, block) for line in text.split("\n"))


def _line(text: str, block: Code) -> str:
    if len(text) > LONGEST:
        return escape(text)
    return "".join(_piece(piece, kind) for piece, kind in block.line(text))


def _piece(text: str, kind: Kind) -> str:
    """The piece in its class, such as `k` for a keyword; a kind without one has its parent's."""
    names = tuple(kind)
    while names not in STANDARD_TYPES:
        names = names[:-1]
    name = STANDARD_TYPES[names]
    return f'<span class="{name}">{escape(text)}</span>' if name and text else escape(text)
