"""`-x`: the first fenced code block and nothing else."""

from __future__ import annotations

import pytest
from rendering import Streams, show, turn

from llmcli.errors import IncompleteError
from llmcli.events import TextDelta
from llmcli.render.code import first_block


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("```\na\n```", "a\n"),
        ("Here:\n\n```python\nprint(1)\n```\nDone.\n", "print(1)\n"),
        ("```sh title=x\na\n\n  b\n```\n```\nsecond\n```", "a\n\n  b\n"),
        ("~~~\n```\ninner\n```\n~~~", "```\ninner\n```\n"),
        ("````md\n```\nx\n```\n````", "```\nx\n```\n"),
        ("1. Run\n\n   ```sh\n   a\n     b\n   ```", "a\n  b\n"),
        ("- ```sh\n  a\n  ```", "a\n"),
        ("```\n```", ""),
        ("```\nunclosed", "unclosed"),
        ("```\nunclosed\n", "unclosed\n"),
        ("```\nfoo\n``\n```", "foo\n``\n"),
        ("```\nline\u2028separator\x0cfeed\x85\n```", "line\u2028separator\x0cfeed\x85\n"),
        ("```\r\na\r\n```\r\n", "a\r\n"),
        ("no code, only `a span` and ```another```", None),
        ("```not `a` fence\nx", None),
        ("", None),
    ],
)
def test_first_block(text: str, block: str | None) -> None:
    assert first_block(text) == block


def test_only_the_block_goes_out_and_only_at_the_end() -> None:
    streams = Streams()
    renderer = streams.renderer("code")
    renderer.show(TextDelta("Sure:\n```\n\x1b[0m"))
    renderer.flush()
    assert streams.out == ""
    renderer.finish(turn(text="Sure:\n```\n\x1b[0m\n```\nBye"))
    assert streams.out == "\x1b[0m\n"


def test_without_a_block_the_whole_text_goes_out() -> None:
    streams = Streams()
    show(streams.renderer("code"), [TextDelta("ls -l")])
    assert streams.out == "ls -l"


def test_a_terminal_gets_it_sanitised_with_a_newline() -> None:
    streams = Streams()
    show(streams.renderer("code", stdout_tty=True), [TextDelta("ls \x1b[8m-l")])
    assert streams.out == "ls ^[[8m-l\n"


def test_half_a_program_is_not_given_to_a_shell() -> None:
    streams = Streams()
    renderer = streams.renderer("code")
    renderer.show(TextDelta("```\nrm -rf /tmp/"))
    renderer.fail(IncompleteError("cut"), turn(text="```\nrm -rf /tmp/", status="incomplete"))
    assert streams.out == ""
