"""Markdown on a terminal: shown as it arrives, wrapped, coloured, never torn."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rendering import Streams, bare, markdown, show, turn

from llmcli.errors import IncompleteError, Interrupted
from llmcli.events import ReasoningDelta, TextDelta, ToolCallEnd, ToolCallStart
from llmcli.languages import LANGUAGES, LONGEST
from llmcli.render.highlight import Highlighter, find


def test_every_line_ends_without_a_colour() -> None:
    text = "# Head *ing*\n**bold " + "words " * 30 + "** `c`\n\n```python\nx = 'a'\n```\n> q\n"
    for width in (20, 80):
        for line in markdown(text, width, color=True).splitlines():
            codes = re.findall(r"\x1b\[([0-9;]*)m", line)
            assert not codes or codes[-1] == "0"


def test_what_is_shown_only_grows_at_its_end() -> None:
    """Each piece adds to the output, and a word in the first half of a line is not held back."""
    streams = Streams()
    renderer = streams.renderer("markdown", stdout_tty=True)
    seen = ""
    for character in "Some words of an answer":
        renderer.show(TextDelta(character))
        renderer.flush()
        assert streams.out.startswith(seen)
        seen = streams.out
        assert character == " " or seen.endswith(character)


def test_the_first_token_is_shown_before_any_flush() -> None:
    streams = Streams()
    streams.renderer("markdown", stdout_tty=True).show(TextDelta("Hello"))
    assert streams.out == "Hello"


def test_a_heading_bold_a_quote_bar_dim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert markdown("# A\n## B *c*\n> d", color=True) == (
        "\x1b[1;4mA\x1b[0m\n\n\x1b[1mB \x1b[0m\x1b[1;3mc\x1b[0m\n\x1b[2m│ \x1b[0md\n"
    )


def test_code_is_coloured_across_its_lines() -> None:
    """A string or a comment over several lines is one all the way."""
    text = '```python\nx = 1\n"""a\n\nif b\n"""\nif y:\n```\n```js\n/**\n * if\n */\nif (x)\n```\n'
    shown = markdown(text, color=True)
    for line in ('\x1b[32m"""a\x1b[0m', "\x1b[32mif b\x1b[0m", "\x1b[2m * if\x1b[0m"):
        assert f"{line}\n" in shown
    assert shown.count("\x1b[35mif\x1b[0m") == 2
    assert bare(shown) == text


def test_a_diff_is_red_and_green() -> None:
    shown = markdown("```diff\n- a\n+ b\n```", color=True)
    assert "\x1b[31m- a\x1b[0m\n\x1b[32m+ b\x1b[0m\n" in shown


@pytest.mark.parametrize("language", ["nonsense", "", "text", "../etc", "python title=x", "{.py}"])
def test_code_is_the_same_in_any_language(language: str) -> None:
    text = f"```{language}\nx = 'é' \t\n\n  {{}}\n```\n"
    assert bare(markdown(text, color=True)) == text


def test_a_very_long_line_of_code_is_not_held_back() -> None:
    streams = Streams()
    renderer = streams.renderer("markdown", stdout_tty=True, color_out=True)
    renderer.show(TextDelta("```python\n"))
    renderer.show(TextDelta("x" * (LONGEST + 1)))
    renderer.flush()
    assert streams.out.endswith("x" * (LONGEST + 1))


def test_a_broken_lexer_costs_the_colours_only() -> None:
    """Ctrl-C while it works is no bug of its."""

    class Broken:
        error: Exception = KeyError("state")

        def get_tokens_unprocessed(self, source: str) -> None:
            raise self.error

    assert Highlighter(Broken()).line("x = 1") == [("x = 1", 0)]
    Broken.error = Interrupted(2)
    with pytest.raises(Interrupted):
        Highlighter(Broken()).line("x = 1")


def test_only_languages_that_were_tried_are_coloured() -> None:
    """Some lexers never end with a nasty line; every name in the list is a lexer's."""
    assert all(find(name) for name in LANGUAGES)
    assert find("Python")
    assert find("patch")
    assert not find("easytrieve")


def test_a_table_too_wide_becomes_lines() -> None:
    text = "| Name | Meaning |\n|---|---|\n| a | `b` |\n| c | d e |\n"
    assert markdown(text, 15) == "Name: a\nMeaning: `b`\n\nName: c\nMeaning: d e\n"
    assert "│" in markdown(text, 22)


def test_a_table_of_many_cells_goes_on_as_text() -> None:
    """It is not held back for ever."""
    row = "| a | b |\n"
    shown = markdown("| x | y |\n|---|---|\n" + row * 3000)
    assert shown.count("│ a") > 1500
    assert shown.count("| a | b |") > 500
    assert shown.count("a") == 3000


def test_words_wrap_under_the_text_of_their_item() -> None:
    assert markdown("1. " + "word " * 8 + "\n   - " + "more " * 8, 20) == (
        "1. word word word\n   word word word\n   word word\n"
        "   • more more more\n     more more more\n     more more\n"
    )
    assert markdown("> " + "word " * 5, 12) == "│ word word\n│ word word\n│ word\n"


def test_wide_characters_wrap_at_the_width() -> None:
    """Two columns each; a line does not begin with closing punctuation."""
    assert markdown("中文" * 5, 12) == "中文中文中文\n中文中文\n"
    assert markdown("中文中文中文。中", 12) == "中文中文中\n文。中\n"
    assert markdown("ab " + "한국어 " * 3, 9) == "ab 한국어\n한국어\n한국어\n"


def test_a_long_url_is_left_to_the_terminal_in_one_piece() -> None:
    url = "https://example.com/" + "a" * 100
    assert markdown(f"see {url} there", 40) == f"see {url} there\n"
    assert markdown(f"see [x]({url}) there", 40) == f"see x\n({url}) there\n"


def test_text_around_a_tool_call_stands_on_lines_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    streams = Streams()
    renderer = streams.renderer("markdown", stdout_tty=True, stderr_tty=True)
    call = [ToolCallStart("k", "1", "get"), ToolCallEnd("k")]
    show(renderer, [TextDelta("**be"), TextDelta("fore"), *call, TextDelta("after")])
    assert (streams.out, streams.err) == ("**before\n\nafter\n", "· tool call get\n")


def test_reasoning_between_text_does_not_tear_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    streams = Streams()
    renderer = streams.renderer("markdown", stdout_tty=True, stderr_tty=True)
    show(renderer, [TextDelta("- a"), ReasoningDelta("hm"), TextDelta("b")])
    assert (streams.out, streams.err) == ("- a\n\nb\n", "hm\n\n")


def test_what_was_held_back_is_shown_when_the_answer_fails() -> None:
    streams = Streams()
    renderer = streams.renderer("markdown", stdout_tty=True)
    renderer.show(TextDelta("a **b\n| c |\n|---|\n| d"))
    renderer.fail(IncompleteError("cut"), None)
    assert streams.out.startswith("a **b\n")
    assert "d" in streams.out
    assert streams.out.endswith("\n")


def test_a_carriage_return_ends_no_line_of_ours() -> None:
    streams = Streams()
    show(streams.renderer("markdown", stdout_tty=True), [TextDelta("a\r"), TextDelta("\nb\rc")])
    assert streams.out == "a\nb^Mc\n"


def test_an_answer_of_nothing_shows_nothing() -> None:
    streams = Streams()
    streams.renderer("markdown", stdout_tty=True).finish(turn())
    assert streams.out == ""


def test_a_file_as_stdout_keeps_a_fixed_width(tmp_path: Path) -> None:
    """Only a terminal is asked how wide it is."""
    with (tmp_path / "out").open("w") as stdout:
        streams = Streams()
        streams.stdout = stdout
        show(streams.renderer("markdown", width=20), [TextDelta("word " * 8)])
    assert (tmp_path / "out").read_text() == "word word word word\n" * 2
