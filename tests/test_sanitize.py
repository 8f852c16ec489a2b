"""Text from strangers: what a terminal may be sent, whole or in pieces."""

from __future__ import annotations

import re

import pytest
from escape_corpus import SEQUENCES
from hypothesis import given
from hypothesis import strategies as st

from llmcli.redaction import MASK, Secret, redact
from llmcli.sanitize import Incoming, one_line, sanitize

UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f\ud800-\udfff]"
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("tab\tand\nnewline", "tab\tand\nnewline"),
        ("\x1b[31mred\x1b[0m", "^[[31mred^[[0m"),
        ("\x1b]52;c;aGFja2Vk\x07", "^[]52;c;aGFja2Vk^G"),
        ("\x00\r\x7f", "^@^M^?"),
        ("\x9b2J", "<U+009B>2J"),
        ("a\u202eb", "a<U+202E>b"),
        ("\u2066x\u2069", "<U+2066>x<U+2069>"),
        ("\U000e0041", "<U+E0041>"),
        ("\ud800", "<U+D800>"),
        ("héllo 中文 👩‍👧 עברית", "héllo 中文 👩‍👧 עברית"),
        ("\u00a0\u200d\ufe0f\u2028", "\u00a0\u200d\ufe0f\u2028"),
    ],
)
def test_shown(text: str, shown: str) -> None:
    assert sanitize(text) == shown


def test_every_character_is_either_safe_or_shown() -> None:
    """All of Unicode, one by one."""
    for code in range(0x110000):
        character = chr(code)
        shown = sanitize(character)
        if UNSAFE.match(character):
            assert shown != character
            assert shown.isascii()
            assert shown.isprintable()
        else:
            assert shown == character


@pytest.mark.parametrize("text", SEQUENCES, ids=ascii)
def test_sequence_is_harmless_however_it_is_cut(text: str) -> None:
    for cut in range(len(text) + 1):
        incoming = Incoming()
        shown = incoming.feed(text[:cut]) + incoming.feed(text[cut:]) + incoming.end()
        assert not UNSAFE.search(shown)
        assert shown == sanitize(text)


@pytest.mark.parametrize("cut", range(5))
def test_crlf_is_a_newline_however_it_is_cut(cut: int) -> None:
    text = "a\r\nb"
    incoming = Incoming()
    shown = incoming.feed(text[:cut]) + incoming.feed(text[cut:]) + incoming.end()
    assert shown == "a\nb"


@given(st.text(alphabet="a\r\n\x1b\u202e"), st.data())
def test_pieces_make_no_difference(text: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(text)))
    incoming = Incoming()
    shown = incoming.feed(text[:cut]) + incoming.feed(text[cut:]) + incoming.end()
    whole = Incoming()
    assert shown == whole.feed(text) + whole.end() == sanitize(text.replace("\r\n", "\n"))


def test_only_a_carriage_return_waits() -> None:
    incoming = Incoming()
    assert [incoming.feed("a\r"), incoming.feed(""), incoming.feed("b")] == ["a", "", "^Mb"]
    assert incoming.end() == ""


def test_one_line() -> None:
    """A server's message takes one line, and no more than it is given."""
    assert one_line("  a\n\n b\t\x1b[2J\u2028c ") == "a b ^[[2J c"
    assert one_line("x" * 20, 10) == "x" * 9 + "…"
    assert one_line("x" * 10, 10) == "x" * 10


def test_a_key_that_is_part_of_another_leaves_nothing_of_it() -> None:
    """The longer one is masked whole, wherever the two stand in the set: twenty pairs are tried."""
    pairs = [(Secret(f"part-{n}-CANARY"), Secret(f"part-{n}-CANARY-rest")) for n in range(20)]
    for part, whole in pairs:
        assert redact(f"x {whole.reveal()} y {part.reveal()} z") == f"x {MASK} y {MASK} z"
