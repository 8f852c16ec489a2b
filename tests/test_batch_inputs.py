"""The prompts of a batch: formats, templates, ids, and one clear line for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmcli.batch import template
from llmcli.batch.inputs import Inputs, Item, read
from llmcli.errors import UsageError


def items(folder: Path, data: bytes | str, name: str = "in.txt", **settings: str) -> list[Item]:
    """The prompts of a file with this content."""
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return list(read(str(path), **settings))


def refused(folder: Path, data: bytes | str, name: str = "in.txt", **settings: str) -> str:
    """The message about a file that cannot be used."""
    with pytest.raises(UsageError) as caught:
        items(folder, data, name, **settings)
    return caught.value.message.replace(str(folder / name), "FILE")


def test_lines(tmp_path: Path) -> None:
    """A prompt a line, BOM and CRLF dropped, blank lines passed over, the last without its end."""
    found = items(tmp_path, b"\xef\xbb\xbfone\r\n\r\n  two \n\t\nthree")
    assert found == [Item("1", 1, "one"), Item("3", 3, "  two "), Item("5", 5, "three")]


def test_lines_with_a_template(tmp_path: Path) -> None:
    """The line is the column `text`, and `prompt`."""
    (found,) = items(tmp_path, "a {b} c\n", template="Say: {text}; {{{prompt}}}")
    assert found.prompt == "Say: a {b} c; {a {b} c}"


def test_json_lines(tmp_path: Path) -> None:
    """Objects with a prompt, bare texts; ids are texts, whatever they were."""
    data = '{"id": 7, "prompt": "x", "system": "s"}\n\n"bare"\n{"prompt": "y", "id": ""}\n'
    assert items(tmp_path, data, "a.jsonl") == [
        Item("7", 1, "x", "s"),
        Item("3", 3, "bare"),
        Item("4", 4, "y"),
    ]


def test_json_values_in_a_template(tmp_path: Path) -> None:
    """A text goes in as it is, all else as JSON."""
    data = '{"a": "x\\ny", "b": [1, {"c": "é"}], "d": true, "e": 1.50}\n'
    (found,) = items(tmp_path, data, "a.jsonl", template="{a} {b} {d} {e}")
    assert found.prompt == 'x\ny [1, {"c": "é"}] true 1.5'


def test_system_column_that_the_template_uses(tmp_path: Path) -> None:
    """It is data then, no system prompt."""
    data = '{"system": "Linux"}\n'
    (found,) = items(tmp_path, data, "a.jsonl", template="What is {system}?")
    assert found == Item("1", 1, "What is Linux?")


def test_csv(tmp_path: Path) -> None:
    """Quotes, newlines within them, CRLF, BOM, blank rows; the line is where a row begins."""
    head = b'\xef\xbb\xbfid, text ,n\r\nx,"say ""hi"",\r\nthere",1\r\n'
    data = head + b'\r\n,,\r\n"y z",plain,2\r\n,last,3'
    assert items(tmp_path, data, "a.csv", template="{n}: {text}") == [
        Item("x", 2, '1: say "hi",\r\nthere'),
        Item("y z", 6, "2: plain"),
        Item("7", 7, "3: last"),
    ]


def test_csv_of_other_places(tmp_path: Path) -> None:
    """Semicolons where Excel writes them, tabs in a TSV."""
    assert items(tmp_path, "prompt;n\nhi, you;2\n", "a.csv")[0].prompt == "hi, you"
    assert items(tmp_path, "prompt\tn\nhi, you;\t2\n", "a.tsv")[0].prompt == "hi, you;"


def test_the_content_tells_where_the_name_does_not(tmp_path: Path) -> None:
    """A first line that begins with a brace is JSON; --format decides otherwise."""
    data = '\n{"prompt": "x"}\n'
    assert items(tmp_path, data)[0].prompt == "x"
    assert items(tmp_path, data, form="lines")[0].prompt == '{"prompt": "x"}'
    assert items(tmp_path, "prompt,n\nx,1\n", form="csv")[0].prompt == "x"


def test_read_twice(tmp_path: Path) -> None:
    """The same prompts come again."""
    (tmp_path / "a.csv").write_text("prompt\nx\ny\n")
    with Inputs(str(tmp_path / "a.csv")) as inputs:
        assert inputs.check() == 2
        assert list(inputs.items()) == list(inputs.items())


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.jsonl", '{"prompt": "x"}\nnope\n', "FILE, line 2: not JSON"),
        ("a.jsonl", "[1]\n", "FILE, line 1: neither a JSON object nor a text"),
        ("a.jsonl", '{"text": "x"}\n', 'FILE, line 1: no text "prompt"; its columns: text'),
        (
            "a.jsonl",
            '{"prompt": "x", "id": true}\n',
            "FILE, line 1: the id must be a text or a number",
        ),
        (
            "a.jsonl",
            '{"prompt": "x", "id": 1e999}',
            "FILE, line 1: the id must be a text or a number",
        ),
        ("a.jsonl", '{"prompt": "x", "system": 1}', 'FILE, line 1: "system" is no text'),
        ("a.jsonl", '{"prompt": " "}\n', "FILE, line 1: the prompt is empty"),
        ("a.jsonl", '{"id":"2","prompt":"x"}\n"y"\n', 'FILE, line 2: the id "2" is there twice'),
        ("a.jsonl", "[" * 100_000, "FILE, line 1: not JSON"),
        ("a.csv", "text\nx\n", 'FILE, line 1: no column "prompt"'),
        ("a.csv", "a,a\n1,2\n", 'FILE, line 1: the column "a" is there twice'),
        ("a.csv", "prompt,n\nx\n", "FILE, line 2: 1 columns, and 2 in line 1"),
        ("a.csv", 'prompt\nx\n"open\n', "FILE, line 3: no CSV: unexpected end of data"),
        ("a.txt", b"ok\ncaf\xe9\n", "FILE, line 2: not UTF-8 (byte 4)"),
        ("a.txt", b"\xff\xfex\x00", "FILE, line 1: UTF-16 text"),
    ],
)
def test_mistakes(tmp_path: Path, name: str, data: str | bytes, words: str) -> None:
    """Each is told in one line that names the line."""
    assert refused(tmp_path, data, name) == words


def test_no_prompts(tmp_path: Path) -> None:
    """An empty file, and one that cannot be read."""
    (tmp_path / "a.txt").write_text("\n \n")
    with Inputs(str(tmp_path / "a.txt")) as inputs, pytest.raises(UsageError, match="no prompts"):
        inputs.check()
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        Inputs(str(tmp_path / "none.txt"))
    with pytest.raises(UsageError, match="--format takes one of"):
        Inputs(str(tmp_path / "a.txt"), form="xml")


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    """The nearest name is told, before any row of a table is looked at."""
    data = "text,note\n"
    words = refused(tmp_path, data, "a.csv", template="{txet}")
    assert words == 'FILE, line 1: no column "txet". Did you mean "text"?'
    words = refused(tmp_path, '{"text": null}', "a.jsonl", template="{text}")
    assert words == 'FILE, line 1: "text" is null'


@pytest.mark.parametrize("text", ["{", "a } b", "{}", "{a", "no column", "{{a}}"])
def test_bad_templates(text: str) -> None:
    """A lone brace, an empty name, no column at all."""
    with pytest.raises(UsageError, match="-p"):
        template.parse(text)


def test_hostile_names_and_ids(tmp_path: Path) -> None:
    """Escape sequences of a file do not reach the message; a lone surrogate becomes U+FFFD."""
    words = refused(tmp_path, '{"\\u001b[31mx": 1}\n', "a.jsonl", template="{y}")
    assert "\x1b" not in words
    (found,) = items(tmp_path, '{"id": "\\ud800x", "prompt": "y"}', "a.jsonl")
    assert found.id == "\ufffdx"
