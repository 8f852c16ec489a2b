"""A conversation as Markdown: for people to read, and to paste into an issue.

Prompts and reasoning stand in quotes, so nothing in them can run into what follows. Answers stand
as they are; what one leaves open is closed behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from llmcli.messages import Media, ToolCall
from llmcli.sanitize import one_line
from llmcli.transcripts.facts import (
    Setting,
    about,
    arguments,
    in_total,
    of_turn,
    settings,
    shown,
    title_of,
)
from llmcli.turn import Conversation, Turn
from llmcli.wording import size

# Where a fence or a block of HTML may begin, also in a list or a quote.
_MAY_OPEN = r"(?m)^[ \t>*+\d.)-]*(```|~~~|<)"
# What ends the blocks of HTML that no blank line ends: CommonMark 0.31.2, section 4.6.
_HTML_ENDINGS = ("-->", "]]>", "?>", "</pre>", "</script>", "</style>", "</textarea>", ">")
_MARK = "the end"


def to_markdown(conversation: Conversation, turns: Sequence[Turn], first: int = 0) -> str:
    """The transcript of these turns, from that index on; it cannot be imported again."""
    head = [f"# {_plain(title_of(conversation, turns))}"]
    head.append(_plain(" · ".join([*about(conversation, turns), *in_total(turns)])))
    blocks = [block for number in range(first, len(turns)) for block in _turn(turns, number)]
    return "\n\n".join([*head, *blocks]) + "\n"


def _turn(turns: Sequence[Turn], number: int) -> Iterator[str]:
    """The blocks of one turn."""
    turn = turns[number]
    yield from map(_setting, settings(turns, number))
    yield f"## {number + 1} · You"
    if turn.prompt:
        yield _quote(shown(turn.prompt))
    if turn.attachments:
        yield "\n".join(_attachment(media) for media in turn.attachments)
    yield f"### {_code(turn.spec)}"
    if turn.reasoning:
        yield _quote(f"**Reasoning**\n\n{shown(turn.reasoning.strip())}")
    if turn.text.strip():
        text = shown(turn.text).strip("\n")
        yield text + _closing(text)
    yield from map(_call, turn.tool_calls)
    if facts := of_turn(turn):
        yield f"*{_plain(' · '.join(facts))}*"


def _setting(setting: Setting) -> str:
    label, text, is_code = setting
    if "\n" in text:
        return _quote(f"**{label}**\n\n{text}")
    return f"**{label}:** {_code(text) if is_code else _plain(text)}"


def _quote(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _attachment(media: Media) -> str:
    name = _code(media.name or "without a name")
    return f"- Attached: {name}, {_plain(one_line(media.media_type))}, {size(len(media.data))}"


def _call(call: ToolCall) -> str:
    text = arguments(call.arguments)
    fence = "`" * max(3, _longest_ticks(text) + 1)
    return f"**Tool call** {_code(call.name)}\n\n{fence}json\n{text}\n{fence}"


def _code(text: str) -> str:
    """A name as inline code, whatever is in it."""
    line = one_line(text)
    ticks = "`" * (_longest_ticks(line) + 1)
    pad = " " if "`" in line else ""
    return f"{ticks}{pad}{line}{pad}{ticks}"


def _longest_ticks(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _plain(text: str) -> str:
    """One line with nothing in it that Markdown would take for markup."""
    return re.sub(r"([\\`*_\[\]<>#|~&])", r"\\\1", text)


def _closing(text: str) -> str:
    """What must follow an answer so that a block it leaves open ends with it, or nothing."""
    if not re.search(_MAY_OPEN, text):
        return ""
    try:
        return _ending(text)
    except RecursionError:
        return ""  # what is nested that deep is in lists or quotes, which end by themselves


def _ending(text: str) -> str:
    """The first ending behind which a paragraph is a paragraph, by the word of a real parser."""
    from markdown_it import MarkdownIt

    parse = MarkdownIt("commonmark").disable("inline").parse
    fence = next((token.markup for token in reversed(parse(text)) if token.level == 0), "")
    for ending in ("", *filter(None, [fence]), *_HTML_ENDINGS):
        closed = f"\n{ending}" if ending else ""
        last = parse(f"{text}{closed}\n\n{_MARK}")[-2:][0]
        if last.content == _MARK and last.level == 1:
            return closed
    return ""
