"""The HTML page: everything is told, and nothing a model or a name says can do anything."""

from __future__ import annotations

import re
import subprocess
import sys
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transcribed import CONVERSATION, FULL, PNG, conversations, trees, turn

from llmcli.ledger import Entry
from llmcli.messages import Media, Tool, ToolCall
from llmcli.redaction import Secret
from llmcli.transcripts.html import to_html
from llmcli.turn import Conversation, Turn
from llmcli.usage import Cost, Usage

VOID = {"meta", "br", "hr", "img"}
TAGS = """
html head title style body header main section div h1 h2 h3 h4 h5 h6 p pre code span a ul ol li
blockquote strong em s table thead tbody tr th td details summary figure figcaption
"""
ATTRIBUTES = {
    "html": {"lang"},
    "meta": {"charset", "http-equiv", "name", "content"},
    "a": {"href", "rel", "title"},
    "img": {"src", "alt"},
    "section": {"class", "id"},
    "ol": {"start"},
}
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass
class Page(HTMLParser):
    """A page taken apart; whatever may not be in it fails the test at once."""

    source: str
    open: list[str] = field(default_factory=list)
    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        assert not UNSAFE.search(self.source)
        self.feed(self.source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Only what the page is made of."""
        assert tag in (*TAGS.split(), *VOID)
        found = dict(attrs)
        assert set(found) <= ATTRIBUTES.get(tag, {"class", "dir"}), (tag, found)
        if tag == "a":
            assert re.match(r"https?://|mailto:", found["href"] or "", re.IGNORECASE)
            assert found["rel"] == "noopener noreferrer nofollow"
        if tag == "img":
            assert re.fullmatch(r"data:image/[a-z]+;base64,[A-Za-z0-9+/=]*", found["src"] or "")
        self.elements.append((tag, found))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Every element ends inside the one that holds it."""
        assert tag in VOID or self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """What is to be read."""
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    def handle_comment(self, data: str) -> None:
        """There are none."""
        raise AssertionError(data)

    @property
    def text(self) -> str:
        """What a reader sees."""
        return "".join(self.words).replace("\xa0", " ")

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element of this kind."""
        return [attributes for name, attributes in self.elements if name == tag]


def page(*turns: Turn, **conversation: Any) -> Page:
    """The page of these turns, taken apart."""
    return Page(to_html(Conversation("c1", **conversation), turns))


def test_one_page_tells_everything() -> None:
    shown = Page(to_html(CONVERSATION, [turn(1, id="t1"), FULL]))
    for words in (
        "work\nc1 · groq/llama, groq/meta/llama-3.3 · 2025-11-21 · 2 turns · ",
        "System prompt: Be terse.",
        'Options: {"temperature": 0.0,',
        "Tools: get\n",
        "No longer told to the model: the first turn",
        "why?\n\ttabs and ünïcode",
        "a.png · image/png · 10 bytes",
        "Reasoning\nHm.",
        "Tool call get",
        '{"torn": ',
        "2025-11-21T13:20:34Z · 1,204 in (800 cached) · 322 out (40 reasoning) · $0.00000015 · ",
        "incomplete: closed",
    ):
        assert words in shown.text, words
    assert [found["id"] for found in shown.all("section")] == ["turn-1", "turn-2"]


def test_it_needs_nothing_but_itself() -> None:
    """Its policy forbids every request, script and style but the one in it."""
    source = to_html(CONVERSATION, [FULL])
    (style,) = re.findall("<style>(.*)</style>", source, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    (policy,) = [m["content"] for m in Page(source).all("meta") if "http-equiv" in m]
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r"url\(|@import|<script|<link|<base|<form|<iframe", source)
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style


def test_an_answer_is_rendered() -> None:
    text = (
        "# Head\n\nSome **bold**, ~~no~~ `code` and [docs](https://docs.python.org/3/ 'py').\n\n"
        "3. three\n   - four\n\n| a | b |\n|:-:|--:|\n| 1 | 2 |\n\n> quote\n\n<me@example.org>\n"
    )
    shown = page(turn(text=text))
    tags = {tag for tag, _ in shown.elements}
    assert {"strong", "s", "code", "ol", "ul", "table", "blockquote"} <= tags
    assert [link["href"] for link in shown.all("a")] == [
        "https://docs.python.org/3/",
        "mailto:me@example.org",
    ]
    assert shown.all("ol") == [{"start": "3"}]
    assert [cell["class"] for cell in shown.all("td")] == ["center", "right"]


def test_code_is_coloured_by_classes_and_stays_itself() -> None:
    code = 'def f(x: int) -> str:  # "why"\n\t"""Doc\n\n    <b>."""\n    return f"{x & 1}"\n'
    shown = page(turn(text=f"```python title=x\n{code}```\n"))
    assert code in shown.text
    classes = {found.get("class") for found in shown.all("span")}
    assert {"k", "nf", "language"} <= classes
    plain = page(turn(text=f"```nonsense\n{code}```\n```\n{code}```"))
    assert plain.text.count(code) == 2
    assert [found["class"] for found in plain.all("span")] == ["language"]


def test_long_code_is_coloured_in_linear_time() -> None:
    """As one piece, 200 KB of this takes a lexer of Java longer than a test may last."""
    block = "a a a a a\n" * 20_000
    assert block in page(turn(text=f"```java\n{block}```")).text


def test_images_are_in_the_page_and_other_files_are_named() -> None:
    files = (
        Media(PNG, "image/png", 'a"><script>.png'),
        Media(b"<svg onload=alert(1)>", "image/svg+xml", "b.svg"),
        Media(b"<b>&\xff", "text/html", "c.html"),
        Media(b"%PDF" * 1000, "application/pdf"),
        Media(PNG, 'image/png"><script>', "d"),
    )
    shown = page(turn(attachments=files))
    (image,) = shown.all("img")
    assert b64decode((image["src"] or "").partition(",")[2]) == PNG
    assert image["alt"] == 'a"><script>.png'
    for words in (
        "b.svg · image/svg+xml · 21 bytes",
        "c.html · text/html · 5 bytes\n<b>&\ufffd",
        "without a name · application/pdf · 4.0 kB",
    ):
        assert words in shown.text


ATTACKS = (
    "<script>alert(1)</script>",
    "</title></style></pre></code></div><img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1)) <javascript:alert(1)> [a](vbscript:x) [a](file:///etc/passwd)",
    "[a](data:text/html;base64,PHNjcmlwdD4=) ![a](data:image/svg+xml,<svg/onload=alert(1)>)",
    "[a](&#106;avascript:alert(1)) [a](java&#10;script:alert(1)) [a](\x01javascript:alert(1))",
    '[a](https://x.y/"onmouseover="alert(1)) [a](https://x.y "t\\" onclick=\\"alert(1)")',
    "![<script>alert(1)</script>](https://x.y) ![](https://x.y)",
    "![track](https://evil.example/p.png) ![a](//evil.example/b)",
    "[a](//evil.example) [a](relative) [a](#fragment) [a]: javascript:alert(1)\n\n[a]",
    '```"><script>alert(1)</script>\n</code></pre><script>alert(1)</script>\n```',
    '```python\n"</span></code></pre><script>alert(1)</script>"\n```',
    "|a|\n|:-:|\n|<td style=x onclick=y>|",
    "&lt;script&gt; &#60;script&#62; &#x202e;evil &#27;[31m &#0; &#xd800;",
    "\u202eevil\u2066 \x1b[31m \x00 \x9b \ud800 \U000e0041 \r alone",
    "<https://x.y/%E2%80%AE%1B> [\u202e](https://x.y/\u202e)",
    "<!-- open", "<?php", "<![CDATA[", "]]>", "{style} {0} %s", "`` ` ``",
)  # fmt: skip


def everywhere(words: str) -> tuple[Conversation, list[Turn]]:
    """A conversation with these words in every place a stranger can fill."""
    first = turn(
        provider=words,
        model=words,
        prompt=words,
        attachments=(Media(b"", words, words), Media(words.encode("utf-8", "replace"), "text/x")),
        system=words,
        options={words: words},
        tools=(Tool(words),),
        text=words,
        reasoning=words,
        tool_calls=(ToolCall("1", words, words),),
        finish_reason=words,
        error_message=words,
        status="failed",
    )
    return Conversation("c", name=words, title=words), [first, turn(2, system=f"{words}\n\n")]


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks(attack: str) -> None:
    """Parsing the page checks elements, attributes, addresses and characters."""
    shown = Page(to_html(*everywhere(attack)))
    assert len(shown.all("section")) == 2
    assert len(shown.all("title")) == 1


@given(st.lists(st.sampled_from((*ATTACKS, "\n", "\n\n", "> ", "- ", "**", "`", "[", "]("))))
def test_attacks_together(pieces: list[str]) -> None:
    assert len(Page(to_html(*everywhere("".join(pieces)))).all("section")) == 2


@given(conversations, trees)
def test_any_conversation_is_a_sound_page(conversation: Conversation, turns: list[Turn]) -> None:
    assert len(Page(to_html(conversation, turns)).all("section")) == len(turns)


def test_what_is_no_link_is_still_to_be_read() -> None:
    shown = page(turn(text="[a](javascript:b) ![words](https://evil.example/p.png)"))
    assert "[a](javascript:b) [words: https://evil.example/p.png]" in shown.text
    assert not shown.all("a")
    assert not shown.all("img")


@pytest.mark.parametrize("piece", ["> ", "- ", "[", "![", "*a **b "])
def test_an_answer_nested_beyond_reason_stands_as_it_was_sent(piece: str) -> None:
    """Nothing is dropped, nothing crashes."""
    assert "the end" in page(turn(text=piece * 3000 + "the end")).text


def test_no_key_gets_out() -> None:
    """Not even one that Markdown would take apart."""
    Secret("canary*8c2d*x91")
    conversation, turns = everywhere("canary*8c2d*x91")
    source = to_html(conversation, turns)
    assert "canary" not in source
    assert source.count("[redacted]") >= 12


def test_costs_are_never_made_up() -> None:
    paid = turn(1, usage=Usage(1000, 10), cost=Cost(Decimal("0.5"), "card"))
    unknown = turn(2, usage=Usage(5, 7), attempts=(Entry(1, "p", "m"),))
    shown = page(paid, unknown)
    assert "2 turns · 1,005 in · 17 out · at least $0.5000\n" in shown.text
    assert "5 in · 7 out · cost unknown\n" in shown.text


def test_a_conversation_without_turns() -> None:
    shown = page()
    assert shown.text.count("Conversation") == 2
    assert "c1 · 0 turns" in shown.text


def test_libraries_are_loaded_only_to_write_it() -> None:
    code = """if True:
        import sys
        import llmcli.transcripts.html
        assert "markdown_it" in sys.modules
        sys.exit(", ".join({"rich", "httpx", "prompt_toolkit"} & set(sys.modules)) or 0)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
