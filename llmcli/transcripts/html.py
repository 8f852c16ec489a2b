"""A conversation as one HTML page that needs nothing else."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from llmcli.messages import Media, ToolCall
from llmcli.page import page
from llmcli.sanitize import one_line
from llmcli.transcripts import prose
from llmcli.transcripts.facts import (
    Setting,
    about,
    arguments,
    ending,
    in_total,
    of_turn,
    settings,
    shown,
    title_of,
)
from llmcli.turn import Conversation, Turn
from llmcli.wording import size

_SHOWN_IMAGES = frozenset(f"image/{kind}" for kind in ("avif", "bmp", "gif", "jpeg", "png", "webp"))


def to_html(conversation: Conversation, turns: Sequence[Turn]) -> str:
    """The page with these turns; it cannot be imported again."""
    return page(
        title_of(conversation, turns),
        _facts([*about(conversation, turns), *in_total(turns)]),
        "\n".join(_turn(turns, number) for number in range(len(turns))),
        Path(__file__).with_name("page.css").read_text(encoding="utf-8"),
        images=True,
    )


def _facts(words: Sequence[str]) -> str:
    return escape(" · ".join(words)).replace(" · ", "&nbsp;· ")


def _turn(turns: Sequence[Turn], number: int) -> str:
    turn = turns[number]
    changed = "".join(map(_setting, settings(turns, number)))
    about_model = f'<div class="settings">\n{changed}</div>\n' if changed else ""
    return (
        f'<section class="turn" id="turn-{number + 1}">\n{about_model}'
        f'<div class="prompt">\n<h2>You</h2>\n{"".join(_asked(turn))}</div>\n'
        f'<div class="answer">\n<h2>{escape(one_line(turn.spec))}</h2>\n'
        f"{''.join(_answered(turn))}</div>\n</section>"
    )


def _setting(setting: Setting) -> str:
    label, text, is_code = setting
    if "\n" in text or len(text) > 200:
        return _folded(label, text)
    shown_text = f"<code>{escape(text)}</code>" if is_code else escape(text)
    return f'<p dir="auto">{label}: {shown_text}</p>\n'


def _folded(label: str, text: str) -> str:
    """A text that is shown when its label is clicked."""
    plain = f'<div class="plain" dir="auto">{escape(text)}</div>'
    return f"<details><summary>{escape(label)}</summary>\n{plain}\n</details>\n"


def _asked(turn: Turn) -> Iterator[str]:
    if turn.prompt:
        yield f'<div class="plain" dir="auto">{escape(shown(turn.prompt))}</div>\n'
    yield from map(_attachment, turn.attachments)


def _attachment(media: Media) -> str:
    name = one_line(media.name) or "without a name"
    label = f"{name} · {one_line(media.media_type)} · {size(len(media.data))}"
    if media.media_type.startswith("text/"):
        return _folded(label, shown(media.data.decode("utf-8", "replace")))
    image = ""
    if media.media_type in _SHOWN_IMAGES:
        data = b64encode(media.data).decode("ascii")
        image = f'<img src="data:{media.media_type};base64,{data}" alt="{escape(name)}">\n'
    return f"<figure>\n{image}<figcaption>{escape(label)}</figcaption>\n</figure>\n"


def _answered(turn: Turn) -> Iterator[str]:
    if turn.reasoning.strip():
        yield _folded("Reasoning", shown(turn.reasoning.strip()))
    if turn.text.strip():
        yield f'<div class="prose" dir="auto">\n{prose.to_html(turn.text)}</div>\n'
    yield from map(_call, turn.tool_calls)
    facts, trouble = of_turn(turn), ending(turn)
    if trouble:
        facts.remove(trouble)
        yield f'<p class="facts trouble">{escape(trouble)}</p>\n'
    if facts:
        yield f'<p class="facts">{_facts(facts)}</p>\n'


def _call(call: ToolCall) -> str:
    name = escape(one_line(call.name))
    arguments_code = prose.code(arguments(call.arguments), "json")
    return f'<p class="call">Tool call <code>{name}</code></p>\n{arguments_code}'
