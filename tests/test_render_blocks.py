"""Markdown blocks: each as a golden text, and the same bytes however the text is cut."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rendering import bare, markdown

GOLDEN = {
    "paragraphs": ("one\n\n\n\ntwo\nthree  \nfour", "one\n\ntwo\nthree\nfour\n"),
    "leading and trailing empty lines": ("\n\n\na\n\n\n", "a\n"),
    "heading": ("# One\ntext\n## Two\n", "# One\ntext\n\n## Two\n"),
    "no heading": ("#hashtag\n####### x", "#hashtag\n####### x\n"),
    "bullets": ("- a\n* b\n+ c", "• a\n• b\n• c\n"),
    "nested bullets": (
        "- a\n  - b\n    - c\n      - d\n  - e\n- f",
        "• a\n  ◦ b\n    ▪ c\n      • d\n  ◦ e\n• f\n",
    ),
    "bullets nested by four": ("* a\n    * b\n        * c\n* d", "• a\n  ◦ b\n    ▪ c\n• d\n"),
    "bullets nested by a tab": ("- a\n\t- b\n\t\t- c", "• a\n  ◦ b\n    ▪ c\n"),
    "ordered": ("1. a\n2. b\n10. c\n3) d", "1. a\n2. b\n10. c\n3) d\n"),
    "bullets under numbers": (
        "1. a\n   - b\n   - c\n2. d\n  - two spaces",
        "1. a\n   • b\n   • c\n2. d\n   • two spaces\n",
    ),
    "no list": ("3.14 is pi\n-5 degrees\n2024 was\n1.", "3.14 is pi\n-5 degrees\n2024 was\n1.\n"),
    "loose list": ("- a\n\n- b\n\n  more of b\n\nafter", "• a\n\n• b\n\n  more of b\n\nafter\n"),
    "lazy line": ("- a\nb\n\nc", "• a\n  b\n\nc\n"),
    "text after a list": ("- a\n\ntext", "• a\n\ntext\n"),
    "tasks": ("- [ ] a\n- [x] b", "• [ ] a\n• [x] b\n"),
    "empty item": ("-\n- a", "•\n• a\n"),
    "quote": ("> a\n> b\n\nc", "│ a\n│ b\n\nc\n"),
    "quote with an empty line": ("> a\n>\n> b", "│ a\n│\n│ b\n"),
    "two quotes": ("> a\n\n> b", "│ a\n\n│ b\n"),
    "nested quote": ("> a\n> > b\n> c", "│ a\n│ │ b\n│ c\n"),
    "list in a quote": ("> - a\n>   - b\n> - c", "│ • a\n│   ◦ b\n│ • c\n"),
    "quote in a list": ("- > a\n  > b\n- c", "• │ a\n  │ b\n• c\n"),
    "list in a list item": ("- - a\n  - b", "• ◦ a\n  ◦ b\n"),
    "rule": ("a\n\n---\n\n* * *\nb", f"a\n\n{'─' * 40}\n\n{'─' * 40}\nb\n"),
    "no rule": ("--flag\n** a\n_x", "--flag\n** a\n_x\n"),
    "fence": ("a\n```sh\nls  \n\n  -l\n```\nb", "a\n```sh\nls  \n\n  -l\n```\nb\n"),
    "fence with tildes": ("~~~\n```\n~~~", "~~~\n```\n~~~\n"),
    "longer fence": ("````\n```\nx\n```\n````\ny", "````\n```\nx\n```\n````\ny\n"),
    "unclosed fence": ("```\na", "```\na\n"),
    "fence in an item": (
        "1. a\n   ```py\n   def f():\n     pass\n\n   ```\n2. b",
        "1. a\n   ```py\n   def f():\n     pass\n\n   ```\n2. b\n",
    ),
    "fence begins an item": ("- ```\n  x\n  ```\n- y", "• ```\n  x\n  ```\n• y\n"),
    "fence in a quote": ("> ```\n> a\n>   b\n>\n> ```\nc", "│ ```\n│ a\n│   b\n│\n│ ```\nc\n"),
    "quote ends with its fence open": ("> ```\n> a\nb", "│ ```\n│ a\nb\n"),
    "fence is code, not marks": ("```\n# a\n- *b*\n> c\n| d |\n```", None),
    "no fence": ("```inline``` code", "```inline``` code\n"),
    "indented code": ("a\n\n    x = 1\n\n\n      y\n\nb", "a\n\n    x = 1\n\n\n      y\n\nb\n"),
    "tabs in code": ("```\n\tx\ty\n```", "```\n\tx\ty\n```\n"),
    "formula": ("$$\nx_1 * y_1 \\\\\n- z\n$$\n*a*", "$$\nx_1 * y_1 \\\\\n- z\n$$\na\n"),
    "formula in brackets": ("\\[\na*b*c\n\\]\n*a*", "\\[\na*b*c\n\\]\na\n"),
    "formula on one line": ("$$ a*b*c $$ and *d*", "$$ a*b*c $$ and d\n"),
    "unclosed formula": ("$$\na*b\n\n*c*", "$$\na*b\n\nc\n"),
    "table": (
        "| a | b |\n|---|--:|\n| x | 1 |\n| yy | `2` |\nafter",
        (
            "╭────┬─────╮\n│ a  │   b │\n├────┼─────┤\n│ x  │   1 │\n│ yy │ `2` │\n╰────┴─────╯\n"
            "after\n"
        ),
    ),
    "table with odd rows": (
        "| a | b |\n|---|---|\n| 1 |\n| 1 | 2 | 3 |\n| x\\|y | p<br>q |",
        (
            "╭─────┬───────╮\n│ a   │ b     │\n├─────┼───────┤\n│ 1   │       │\n│ 1   │ 2 | 3 │\n"
            "│ x|y │ p     │\n│     │ q     │\n╰─────┴───────╯\n"
        ),
    ),
    "table in an item": (
        "- x\n  | a |\n  |---|\n  | 1 |",
        "• x\n  ╭───╮\n  │ a │\n  ├───┤\n  │ 1 │\n  ╰───╯\n",
    ),
    "table of wide characters": (
        "| 名 | b |\n|---|---|\n| 中文字 | 🎉 |",
        "╭────────┬────╮\n│ 名     │ b  │\n├────────┼────┤\n│ 中文字 │ 🎉 │\n╰────────┴────╯\n",
    ),
    "no table": ("| a | b |\nno table | x", "| a | b |\nno table | x\n"),
    "half a table": ("| a | b |", "| a | b |\n"),
    "html": ("<details>\n<b>x</b>\n</details>", "<details>\n<b>x</b>\n</details>\n"),
    "indented line of a paragraph": ("a\n   b\nc", "a\n   b\nc\n"),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name: str) -> None:
    text, shown = GOLDEN[name]
    assert markdown(text) == (shown if shown is not None else text + "\n")


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("width", [80, 12])
def test_every_cut_gives_the_same_bytes(name: str, width: int) -> None:
    text, _ = GOLDEN[name]
    for color in (True, False):
        whole = markdown(text, width, color=color)
        assert markdown(list(text), width, color=color) == whole
        for cut in range(len(text) + 1):
            assert markdown([text[:cut], text[cut:]], width, color=color) == whole


ATOMS = [
    *"*_~`[]!<\\()#>-+|.:= \n",
    *("**", "***", "__", "~~", "``", "```", "\n\n", "    ", "\t", "](u)", "<https://a.b>", "$$"),
    *("\\(", "\\)", "\\[", "- ", "1. ", "> ", "# ", "---", "| a | b |\n", "|--|--|\n", "```py\n"),
    *(
        "word",
        "a",
        "中",
        "文。",
        "é",
        "👩‍👩‍👧",
        "🇩🇪",
        "✈️",
        "x y " * 30,
        "y" * 120,
        "'''",
        "/* c\n",
        "*/",
    ),
]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(ATOMS), max_size=60).map("".join),
    st.sampled_from([1, 3, 10, 30, 80]),
    st.booleans(),
    st.data(),
)
def test_pieces_make_no_difference(text: str, width: int, color: bool, data: st.DataObject) -> None:
    """Any text, any width, any cuts: the same bytes, and nothing but our own sequences."""
    whole = markdown(text, width, color=color)
    assert markdown(list(text), width, color=color) == whole
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert markdown(pieces, width, color=color) == whole
    assert "\x1b" not in (bare(whole) if color else whole)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(ATOMS), max_size=60).map("".join), st.booleans())
def test_no_letter_is_lost(text: str, color: bool) -> None:
    """Marks may go, words may not; the only words added say that there is an image."""
    shown = bare(markdown(text, 80, color=color)).replace("image: ", "")
    assert _letters(shown) == _letters(text)


def _letters(text: str) -> list[str]:
    return sorted(re.findall(r"[a-z中文é👩🇩🇪]", text.replace("https", "")))


def test_nothing_but_lines_moves_the_cursor() -> None:
    """What was shown is never touched again: no sequence but colours, no carriage return."""
    text = "\n\n".join(text for text, _ in GOLDEN.values())
    written = markdown(text, color=True)
    assert not re.search(r"[\x00-\x08\x0b-\x1a\x1c-\x1f]", written)
    assert "\x1b" not in bare(written)
