"""Documents come back whole, hostile ones are refused in one line, Markdown keeps its shape."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from transcribed import (
    CONVERSATION,
    ENTRY,
    FULL,
    PNG,
    conversations,
    json_values,
    trees,
    turn,
)

from llmcli.errors import UsageError
from llmcli.ledger import Entry
from llmcli.messages import Media, Opaque, Tool, ToolCall
from llmcli.redaction import Secret
from llmcli.transcripts.documents import (
    from_bytes,
    from_document,
    from_text,
    to_document,
    to_lines,
    to_text,
)
from llmcli.transcripts.markdown import to_markdown
from llmcli.turn import Conversation, Turn
from llmcli.usage import Cost, Usage

TWO = [turn(1, id="t1"), FULL]


def test_everything_comes_back() -> None:
    written = json.loads(json.dumps(to_document(CONVERSATION, TWO)))
    assert from_document(written) == (CONVERSATION, TWO)
    (read,) = from_document(written)[1][1:]
    assert isinstance(read.usage, Usage)
    assert str(read.usage.cost) == "0.00410"
    assert isinstance(read.attachments[0], Media)
    assert isinstance(read.attempts[1], Entry)


def test_the_sample_leaves_no_field_at_its_default() -> None:
    """A field that is added and not written would be lost without a word."""
    plain = Turn("", "", "", "", "")
    values = [(FULL, plain), (CONVERSATION, Conversation("")), (ENTRY, Entry(0, "", ""))]
    values += [(FULL.usage, Usage()), (FULL.tools[0], Tool(""))]
    for value, default in values:
        same = [name for name in value._fields if getattr(value, name) == getattr(default, name)]
        assert not same, same


@given(conversations, trees)
def test_any_conversation_comes_back(conversation: Conversation, turns: list[Turn]) -> None:
    document = to_text(to_document(conversation, turns))
    assert from_text(document) == [(conversation, turns)]
    lines = "".join(to_lines(conversation, turns))
    assert lines.count("\n") == 1 + len(turns)
    assert from_text(lines) == [(conversation, turns)]


def test_what_unknown_is_stays_unknown() -> None:
    nothing = turn(usage=Usage(), attempts=(Entry(1, "p", "m", usage=Usage(0)),))
    (read,) = from_document(to_document(CONVERSATION, [nothing]))[1]
    assert read.usage == Usage()
    assert read.attempts[0].usage == Usage(0)
    assert read.cost is read.first_token_s is None


def test_the_bytes_of_an_image_are_written_once() -> None:
    turns = [turn(n, attachments=(Media(PNG, "image/png", f"{n}.png"),)) for n in (1, 2, 3)]
    document = to_document(CONVERSATION, turns)
    assert len(document["parts"]) == 1
    lines = list(to_lines(CONVERSATION, turns))
    assert ["parts" in json.loads(line) for line in lines[1:]] == [True, False, False]
    assert from_text("".join(lines)) == from_text(to_text(document)) == [(CONVERSATION, turns)]


@pytest.mark.parametrize("amount", ["5E-324", "1E-30", "0.00000000001", "1000000", "9E+20"])
def test_amounts_of_any_size_come_back(amount: str) -> None:
    """A server may report the smallest number there is; what is written can be read."""
    one = turn(cost=Cost(Decimal(amount), "reported"), usage=Usage(1, 1, cost=Decimal(amount)))
    document = json.loads(to_text(to_document(CONVERSATION, [one])))
    assert from_document(document) == (CONVERSATION, [one])


def test_files_can_be_put_one_behind_the_other() -> None:
    """Whatever they are, and whatever the file is called: documents, lines, a list of documents."""
    other = (Conversation("c2"), [turn(1, conversation="c2")])
    first = (CONVERSATION, TWO)
    text = "".join([*to_lines(*first), *to_lines(*other)])
    text += to_text(to_document(*first), indent=2) + to_text([to_document(*other)] * 2)
    assert from_text("\ufeff" + text) == [first, other, first, other, other]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_of_files(encoding: str) -> None:
    """PowerShell writes UTF-16 where a command's output goes to a file."""
    text = to_text(to_document(CONVERSATION, TWO))
    assert from_bytes(text.encode(encoding)) == [(CONVERSATION, TWO)]


def test_lone_surrogates_can_be_written_and_come_back() -> None:
    broken = turn(text="a\ud800b", options={"x": "\udfff"})
    text = to_text(to_document(CONVERSATION, [broken]))
    assert from_bytes(text.encode()) == [(CONVERSATION, [broken])]


def test_what_json_has_no_number_for_is_null() -> None:
    odd = turn(opaque=(Opaque("p", "m", {"a": float("nan"), "b": [float("inf"), Decimal("0.5")]}),))
    text = to_text(to_document(CONVERSATION, [odd]))
    ((_, (read,)),) = from_text(text)
    assert read.opaque[0].data == {"a": None, "b": [None, 0.5]}


def test_unknown_keys_are_ignored() -> None:
    document = to_document(CONVERSATION, TWO)
    document["added"] = document["turns"][0]["added"] = document["conversation"]["added"] = [1]
    assert from_document(document) == (CONVERSATION, TWO)


def test_little_is_needed() -> None:
    """A document that somebody wrote by hand, and one of a turn whose parent is elsewhere."""
    short = {
        "format": "llm-conversation",
        "conversation": {"id": "c"},
        "turns": [{"id": "t", "parent": "elsewhere", "provider": "p", "model": "m"}],
    }
    expected = Turn("t", "c", "p", "m", "", parent="elsewhere", status="complete")
    assert from_document(short) == (Conversation("c"), [expected])


def _deep(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels):
        value = {"a": [value]}
    return value


def _set(*path: Any) -> Callable[[dict[str, Any]], None]:
    """A change that puts the last of these at the place the others name."""
    *way, last, value = path

    def change(document: Any) -> None:
        for step in way:
            document = document[step]
        document[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_set("format", "chatml"), 'it has no "format": "llm-conversation"'),
        (_set("format", ["llm-conversation"]), "format must be a text"),
        (_set("version", 2), "it was written by a newer llm: update this one"),
        (_set("version", True), "version must be a whole number"),
        (_set("conversation", None), "conversation is missing"),
        (_set("conversation", "id", "../../etc/passwd"), "conversation.id is no id"),
        (_set("conversation", "id", ""), "conversation.id is no id"),
        (_set("conversation", "head", "x" * 65), "conversation.head is no id"),
        (_set("conversation", "turns", -1), "conversation.turns must be a whole number"),
        (_set("conversation", "updated", float("nan")), "conversation.updated must be a number"),
        (_set("turns", {}), "turns must be a list"),
        (_set("turns", 1, 7), "turns[1] must be an object"),
        (_set("turns", 1, "id", None), "turns[1].id is missing"),
        (_set("turns", 1, "id", "a\n"), "turns[1].id is no id"),
        (_set("turns", 1, "id", "t1"), "turns[1].id is the id of another turn too"),
        (_set("turns", 0, "parent", "t2"), "turns[0].parent leads in a circle"),
        (_set("turns", 1, "parent", "t2"), "turns[1].parent leads in a circle"),
        (_set("turns", 1, "provider", ""), "turns[1].provider is missing"),
        (_set("turns", 1, "text", ["x"]), "turns[1].text must be a text"),
        (_set("turns", 1, "status", "great"), "turns[1].status must be one of running, complete"),
        (_set("turns", 1, "status", []), "turns[1].status must be one of running, complete"),
        (_set("turns", 1, "started", float("inf")), "turns[1].started must be a number of seconds"),
        (_set("turns", 1, "started", 10**400), "turns[1].started must be a number of seconds"),
        (_set("turns", 1, "started", False), "turns[1].started must be a number"),
        (_set("turns", 1, "exit_code", 1.5), "turns[1].exit_code must be a whole number"),
        (_set("turns", 1, "usage", "input", 2**63), "turns[1].usage.input must be a whole number"),
        (_set("turns", 1, "usage", "cost", 0.1), "turns[1].usage.cost must be a text"),
        (_set("turns", 1, "usage", "cost", "NaN"), "turns[1].usage.cost must be an amount"),
        (_set("turns", 1, "cost", "amount", "1E+999999"), "turns[1].cost.amount must be an amount"),
        (_set("turns", 1, "cost", "amount", None), "turns[1].cost.amount is missing"),
        (_set("turns", 1, "cost", "basis", "guess"), "turns[1].cost.basis must be one of card"),
        (_set("turns", 1, "options", [1]), "turns[1].options must be an object"),
        (_set("turns", 1, "options", {"a": float("nan")}), "turns[1].options is no JSON"),
        (_set("turns", 1, "extra", _deep(5000)), "turns[1].extra is no JSON, or nested too deeply"),
        (_set("turns", 1, "tools", 0, "strict", 1), "turns[1].tools[0].strict must be true or f"),
        (_set("turns", 1, "tools", 0, "name", ""), "turns[1].tools[0].name is missing"),
        (_set("turns", 1, "attempts", 1, "http_status", "x"), "attempts[1].http_status must be a"),
        (_set("turns", 1, "attachments", 0, "sha256", "x"), "sha256 names a part that is not th"),
        (_set("parts", []), "parts must be an object"),
        (_set("parts", {}), "turns[1].attachments[0].sha256 names a part that is not there"),
    ],
)
def test_wrong_documents(change: Callable[[dict[str, Any]], None], words: str) -> None:
    document = copy.deepcopy(to_document(CONVERSATION, TWO))
    change(document)
    with pytest.raises(UsageError) as caught:
        from_document(document)
    assert words in caught.value.message
    assert "\n" not in caught.value.message
    assert "llm history export" in caught.value.hint or "newer" in words


@pytest.mark.parametrize(("data", "words"), [("!", "is no base64"), ("AAAA", "were changed")])
def test_wrong_bytes(data: str, words: str) -> None:
    document = to_document(CONVERSATION, TWO)
    document["parts"] = dict.fromkeys(document["parts"], data)
    with pytest.raises(UsageError, match=words):
        from_document(document)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b" \n\t", "it is empty"),
        (b"# A transcript\n", "line 1 is no JSON"),
        (b"{}", 'line 1 has no "format"'),
        (b'{"id": "t"}', 'line 1 has no "format"'),
        (b"[1]", "line 1 must be an object"),
        (b"[" * 100_000, "line 1 is no JSON"),
        (b"[1" + b"0" * 5000 + b"]", "line 1 is no JSON"),
        (b"\xff\xfe\xfd", "it is no text"),
        (b"\x89PNG\r\n\x1a\n", "it is no text"),
        (b'{"format": "llm-conversation", "version": 2}', "it was written by a newer llm"),
    ],
)
def test_wrong_files(data: bytes, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_bytes(data)
    assert words in caught.value.message


def test_the_line_of_a_torn_file_is_named() -> None:
    lines = "".join(to_lines(CONVERSATION, TWO))
    with pytest.raises(UsageError, match="line 3 is no JSON"):
        from_text(lines[:-20])


@given(st.data())
def test_no_document_makes_it_crash(data: st.DataObject) -> None:
    """Anything in any place is read or refused."""
    document = copy.deepcopy(to_document(CONVERSATION, TWO))
    place: Any = document
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not place[key] or not isinstance(place[key], dict | list) or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(json_values)
    try:
        conversation, turns = from_document(document)
    except UsageError:
        return
    assert from_document(to_document(conversation, turns)) == (conversation, turns)


def test_a_path_of_many_turns_is_checked_in_linear_time() -> None:
    """Four times the turns, newest first, take four times as long, not sixteen."""

    def seconds(count: int) -> float:
        document = to_document(CONVERSATION, [turn(n) for n in range(count, 0, -1)])
        begun = time.thread_time()
        assert len(from_document(document)[1]) == count
        return time.thread_time() - begun

    assert seconds(16_000) < 9 * min(seconds(4_000) for _ in range(3))


def test_reading_and_writing_documents_loads_no_library() -> None:
    code = """if True:
        import sys
        import llmcli.transcripts.documents, llmcli.transcripts.markdown
        heavy = {"rich", "markdown_it", "pygments", "httpx", "sqlite3", "prompt_toolkit"}
        sys.exit(", ".join(heavy & set(sys.modules)) or 0)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# Markdown


def test_markdown_tells_everything() -> None:
    shown = to_markdown(CONVERSATION, TWO)
    assert shown.startswith("# work\n\nc1 · groq/llama, groq/meta/llama-3.3 · 2025-11-21 · 2 turns")
    for words in (
        "**System prompt:** Be terse.",
        '**Options:** `{"temperature": 0.0,',
        "**Tools:** `get`",
        "**No longer told to the model:** the first turn",
        "> why?\n>",
        "- Attached: `a.png`, image/png, 10 bytes\n- Attached: `empty`, text/plain, 0 bytes",
        "### `groq/meta/llama-3.3`",
        "> **Reasoning**\n>\n> Hm.",
        '**Tool call** `get`\n\n```json\n{"torn": \n```',
        "*2025-11-21T13:20:34Z · 1,204 in (800 cached) · 322 out (40 reasoning) · ",
        " · 2.2 s · incomplete: closed*",
    ):
        assert words in shown, words


def test_totals_that_lack_something_say_at_least() -> None:
    paid = turn(1, usage=Usage(1000, 10), cost=Cost(Decimal("0.5"), "card"))
    unknown = turn(2, usage=Usage(None, 7), attempts=(Entry(1, "p", "m"),))
    refused = turn(3, status="failed", text="")
    whole = to_markdown(CONVERSATION, [paid, paid._replace(id="t2"), refused])
    assert "3 turns · 2,000 in · 20 out · $1.0000\n" in whole
    assert "2 turns · at least 1,000 in · 17 out · at least $0.5000\n" in to_markdown(
        CONVERSATION, [paid, unknown]
    )
    assert "1 turn · at least 0 in · 7 out · cost unknown\n" in to_markdown(CONVERSATION, [unknown])
    local = turn(1, usage=Usage(3, 4), cost=Cost(Decimal(0), "local"))
    assert "1 turn · 3 in · 4 out · free (local)\n" in to_markdown(CONVERSATION, [local])
    free = turn(2, cost=Cost(Decimal(0), "card"))
    assert "· $0\n" in to_markdown(CONVERSATION, [local, free])
    assert "1 turn\n" in to_markdown(CONVERSATION, [refused])
    answered = turn(2)  # without attempts, as the turns of a path are read
    shown = to_markdown(CONVERSATION, [paid, answered])
    assert "2 turns · at least 1,000 in · at least 10 out · at least $0.5000\n" in shown
    assert "*usage unknown · cost unknown*" in shown


def test_settings_are_told_where_they_change() -> None:
    terse = {"system": "Be *terse*.", "options": {"a": 1}}
    shown = to_markdown(CONVERSATION, [turn(1, **terse), turn(2, **terse), turn(3)])
    assert shown.count("System prompt") == shown.count("Options") == 2
    assert r"**System prompt:** Be \*terse\*." in shown
    assert shown.index("**System prompt:** none") > shown.index("## 2 · You")


def test_no_key_and_no_control_character_gets_out() -> None:
    Secret("canary.5f1e7c")
    words = "canary.5f1e7c \x1b[31m\u202e"
    nasty = turn(
        prompt=words,
        text=words,
        reasoning=words,
        system=words,
        model=words,
        options={"a": words},
        tools=(Tool(words),),
        tool_calls=(ToolCall("1", words, f'{{"a": "{words}'),),
        attachments=(Media(b"", words, words),),
        error_message=words,
        status="failed",
    )
    shown = to_markdown(Conversation("c", name=words), [nasty])
    assert "[redacted] ^[[31m<U+202E>" in shown
    assert not [word for word in ("canary", "\x1b", "\u202e") if word in shown]


_PIECES = (
    "```", "````\n", "~~~ x", "\n", "\n\n", "   ```py\n", "- ```\n", "  ```\n", "> ```\n", "<!--",
    "-->", "\n<pre>\n", "</pre>", "<script>\n", "<?", "<![CDATA[", "\n<style>", "a", "    code",
    "1. ", "- ", "`", "# ", "\t", "<details>", "\r\n", "|a|\n|-|\n", "***\n", "[x]: y\n",
    "text\n==",
)  # fmt: skip


@given(*[st.lists(st.sampled_from(_PIECES), max_size=8).map("".join)] * 3)
def test_nothing_can_swallow_the_turn_after_it(prompt: str, text: str, reasoning: str) -> None:
    """Whatever fence, comment or list is left open, the headings after it stay headings."""
    one = {"prompt": prompt, "text": text, "reasoning": reasoning, "system": f"\n{text}"}
    call = (ToolCall("1", "f", text),)
    shown = to_markdown(CONVERSATION, [turn(1, tool_calls=call, **one), turn(2, **one), turn(3)])
    tokens = MarkdownIt("commonmark").parse(shown)
    marks = [n for n, token in enumerate(tokens) if token.type == "heading_open"]
    found = [tokens[n + 1].content for n in marks if tokens[n].level == 0]
    assert [line for line in found if line.endswith(" · You")] == [f"{n} · You" for n in (1, 2, 3)]
    assert found.count("`groq/llama`") == 3


@given(conversations, trees)
def test_any_conversation_can_be_told(conversation: Conversation, turns: list[Turn]) -> None:
    shown = to_markdown(conversation, turns)
    assert [f"\n## {n + 1} · You\n" in shown for n in range(len(turns))] == [True] * len(turns)


def test_an_answer_nested_beyond_reason() -> None:
    text = "- " * 3000 + "```"
    assert f"\n{text}\n\n*" in to_markdown(CONVERSATION, [turn(text=text, total_s=1.0)])


def test_a_title_is_never_markup() -> None:
    for name in ("a\n# b", "<img src=x>", "*b* _c_ `d`", "[x](y)", "&amp;"):
        tokens = MarkdownIt("commonmark").parse(to_markdown(Conversation("c", name=name), []))
        assert {child.type for child in tokens[1].children or []} <= {"text"}
        assert tokens[1].content
