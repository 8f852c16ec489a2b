"""Marks inside a line: what becomes a style, what stays as it was typed, and when it is shown."""

from __future__ import annotations

import pytest
from rendering import bare, markdown

from llmcli.render.inline import Inline, flanking
from llmcli.render.spans import LIMIT

TAGS = {"1": "b", "3": "i", "9": "s", "4": "u", "2": "d", "36": "c"}


def tagged(text: str, width: int = 10_000) -> str:
    """The shown line, with `<b>bold<>`, `<i>`, `<s>`, `<u>`, `<d>` (dim) and `<c>` (code)."""
    shown = markdown(text, width, color=True).removesuffix("\n")
    for codes in sorted({part.partition("m")[0] for part in shown.split("\x1b[")[1:]}):
        tag = "<>" if codes == "0" else f"<{''.join(TAGS[code] for code in codes.split(';'))}>"
        shown = shown.replace(f"\x1b[{codes}m", tag)
    return shown.replace("<><", "<")  # one style after another


SPANS = {
    "**bold** text": "<b>bold<> text",
    "*italic*, _italic_": "<i>italic<>, <i>italic<>",
    "__bold text__": "<b>bold text<>",
    "***both***": "<bi>both<>",
    "**bold *and italic***": "<b>bold <bi>and italic<>",
    "***a** b*": "<bi>a<i> b<>",
    "*a **b** c*": "<i>a <bi>b<i> c<>",
    "~~gone~~": "<s>gone<>",
    "`code`": "<c>code<>",
    "``a ` b``": "<c>a ` b<>",
    "`` `x` ``": "<c>`x`<>",
    "`**no**`": "<c>**no**<>",
    "**`code` in bold**": "<bc>code<b> in bold<>",
    "(**bold**)": "(<b>bold<>)",
    '"**bold**"': '"<b>bold<>"',
    "**Note:** text": "<b>Note:<> text",
    "**Note:**text": "<b>Note:<>text",
    "**L**arge **L**anguage": "<b>L<>arge <b>L<>anguage",
    "**重要。**这里": "<b>重要。<>这里",
    "这是**粗体**文字": "这是<b>粗体<>文字",
    "한국어**굵게**는": "한국어<b>굵게<>는",
    "**a**, **b** and **c**": "<b>a<>, <b>b<> and <b>c<>",
    "[text](http://x.y)": "<u>text<> <d>(http://x.y)<>",
    "[a](http://x/(b)c).": "<u>a<> <d>(http://x/(b)c)<>.",
    '[a](/b "title")': '<u>a<> <d>(/b "title")<>',
    "[**b** `c`](u)": "<bu>b<u> <uc>c<> <d>(u)<>",
    "[http://x.y](http://x.y)": "<u>http://x.y<>",
    "[me@x.y](mailto:me@x.y)": "<u>me@x.y<>",
    "![alt](i.png)": "image: <u>alt<> <d>(i.png)<>",
    "[![alt](i.png)](u)": "<u>image: alt <du>(i.png)<> <d>(u)<>",
    "<https://x.y/a_b>": "<u>https://x.y/a_b<>",
    r"\*not\* \_this\_ \`or\`": "*not* _this_ `or`",
    r"1\. a \# b \> c": "1. a # b > c",
}

LITERAL = [
    "2 * 3 * 4",
    "2*3*4 = 24",
    "x**2 + y**2",
    "2**3**4",
    "*args",
    "*args and **kwargs",
    "f(*args, **kwargs) and g(**options)",
    "snake_case_name and other_snake_case",
    "__init__",
    "__init__.py and __main__ and self.__dict__",
    "_private and __dunder",
    "~5 ~ 6 ~~ 7",
    "a ~one~ b",
    "5* hotel",
    "**",
    "x * a *",
    "** a **",
    "x ****",
    "x ____",
    "x *****",
    "`unclosed",
    "``a`",
    "[not a link]",
    "[1] and [2][3]",
    "a[0](see below)",
    "[a]()",
    "[a](b c)",
    "[a] (b)",
    "[a](b",
    "![no",
    "wow!",
    "a < b > c",
    "<b>html</b>",
    "<http://x y>",
    "C:\\Users\\name",
    r"\( a_1 * b_2 \) and \[ x*y*z \]",
    r"\{x\}",
    "**[0, 1)",
    "a*b**c***d",
    "]]]]((((",
    "🇩🇪 👩‍👩‍👧 ✈️",
]


@pytest.mark.parametrize(("text", "shown"), SPANS.items())
def test_span(text: str, shown: str) -> None:
    assert tagged(text) == shown


@pytest.mark.parametrize("text", LITERAL)
def test_shown_as_typed(text: str) -> None:
    """With colour and without; without a style in either."""
    assert markdown(text, 1000, color=True) == text + "\n"
    assert markdown(text, 1000) == text + "\n"


@pytest.mark.parametrize("text", [*SPANS, *LITERAL])
def test_every_cut_gives_the_same_bytes(text: str) -> None:
    for color in (True, False):
        whole = markdown(text, color=color)
        for cut in range(len(text) + 1):
            assert markdown([text[:cut], text[cut:]], color=color) == whole
        assert markdown(list(text), color=color) == whole


@pytest.mark.parametrize("text", [*SPANS, *LITERAL])
def test_two_lines_do_not_touch_each_other(text: str) -> None:
    """No mark opened in one line is closed in the next."""
    assert tagged(f"{text}\n{text}") == f"{tagged(text)}\n{tagged(text)}"


def test_without_colour_marks_that_mean_something_stay() -> None:
    assert markdown("run `ls`, **now**, ~~later~~ [x](y)") == "run `ls`, now, ~~later~~ x (y)\n"


def test_a_hard_line_break_loses_its_backslash() -> None:
    assert markdown("a\\\nb\\") == "a\nb\\\n"


def _arrivals(text: str) -> list[str]:
    """What is shown after each character, from an inline reader alone."""
    shown: list[str] = []
    inline = Inline(lambda piece, _: shown.append(piece), color=True)
    after = []
    for character in text:
        inline.feed(character)
        after.append("".join(shown))
    return after


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", ["p", "pl", "pla", "plai", "plain"]),
        ("a*b", ["a", "a", "a*b"]),
        ("a * b", ["a", "a ", "a ", "a * ", "a * b"]),
        ("a_b", ["a", "a", "a_b"]),
        ("*a* b", ["", "", "", "a ", "a b"]),
        ("a!b", ["a", "a", "a!b"]),
        ("a<b", ["a", "a", "a<b"]),
        ("a]b", ["a", "a]", "a]b"]),
        ("[a] b", ["", "", "", "[a] ", "[a] b"]),
        ("`a` b", ["", "", "", "a ", "a b"]),
        (
            "\\(a*b\\) c",
            ["", "\\(", "\\(", "\\(a", "\\(a*", "\\(a*b", "\\(a*b\\)", "\\(a*b\\) ", "\\(a*b\\) c"],
        ),
    ],
)
def test_text_is_shown_as_soon_as_it_is_certain(text: str, shown: list[str]) -> None:
    assert _arrivals(text) == shown


@pytest.mark.parametrize("mark", ["*", "**", "_", "[", "~~"])
def test_a_mark_waits_only_so_long(mark: str) -> None:
    """After the limit the text flows, the mark as typed; a closing one in time still counts."""
    text = f"{mark}{'a ' * LIMIT}"
    shown = _arrivals(text)
    assert shown[LIMIT - 2] == ""
    assert shown[LIMIT + 3 * len(mark) + 1].startswith(mark)
    assert shown[-1].rstrip() == text.rstrip()


def test_code_waits_longer_because_an_address_or_command_is_long() -> None:
    assert tagged(f"`{'a' * 900}`") == f"<c>{'a' * 900}<>"
    assert tagged(f"`{'a' * 1100}` b") == f"`{'a' * 1100}` b"


@pytest.mark.parametrize(
    ("mark", "before", "after", "expected"),
    [
        ("*", "", "a", (True, False)),
        ("*", "a", "", (False, True)),
        ("*", " ", " ", (False, False)),
        ("*", "a", "b", (False, True)),
        ("*", "(", "a", (True, False)),
        ("*", "a", ")", (False, True)),
        ("*", ".", "a", (True, True)),
        ("*", "。", "这", (True, True)),
        ("_", "a", "b", (False, False)),
        ("_", ".", "a", (True, False)),
        ("~", "a", "b", (True, True)),
    ],
)
def test_flanking(mark: str, before: str, after: str, expected: tuple[bool, bool]) -> None:
    assert flanking(mark, before, after) == expected


def test_colours_change_no_letter() -> None:
    text = " ".join(SPANS)
    assert bare(markdown(text, 10_000, color=True)).count("bold") == text.count("bold")
