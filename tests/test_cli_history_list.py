"""`llm history list`, `show`, `search`, `last` and the picker, run as the installed command."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from decimal import Decimal

import past
import pytest
from chatting import ESCAPES
from expect import failed
from good_server import GoodServer
from past import DAY
from pexpect import EOF
from support import Llm, write_card

from llmcli.transcripts.documents import from_text
from llmcli.usage import Cost

HOSTILE = "title\x1b]0;x\x07\x1b[2J\u202eevil\r\x9b31m"
KEY_SHAPED = "sk-proj-abcdefghijklmnopqrstuv0123456789"


def rows(llm: Llm, *args: str) -> list[list[str]]:
    """What a history command prints in a pipe, cell by cell."""
    result = llm("history", *args)
    assert result.code == 0, result.err
    return [line.split("\t") for line in result.text.splitlines()]


def screen(llm: Llm, *args: str, columns: int = 80, env: dict[str, str] | None = None) -> str:
    """What a history command writes to a terminal."""
    child = llm.spawn("history", *args, dimensions=(24, columns), encoding="utf-8", env=env)
    child.expect_exact(EOF)
    child.close()
    assert child.exitstatus == 0, child.before
    return str(child.before)


def plain(text: str) -> list[str]:
    """The lines of a screen without styles."""
    return [line.rstrip() for line in ESCAPES.sub("", text).splitlines()]


def test_list_is_newest_first_and_exact_in_a_pipe(llm: Llm) -> None:
    old = past.talk(llm.db, "first words\nmore", days=3)
    new = past.talk(llm.db, "second", "third", cost=Cost(Decimal("0.5"), "card"))
    listed = rows(llm, "list")
    assert [row[:4] for row in listed] == [
        [new[0].conversation, "second", "2", "groq/llama-3.3"],
        [old[0].conversation, "first words", "1", "groq/llama-3.3"],
    ]
    assert [row[5] for row in listed] == ["1.0", "0.0034"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", row[4]) for row in listed)
    assert rows(llm) == listed


def test_an_unknown_cost_is_never_shown_as_nothing(llm: Llm) -> None:
    first = past.talk(llm.db, "known")[0]
    past.write(
        llm.db,
        [past.turn("unknown", conversation=first.conversation, parent=first.id, cost=None)],
    )
    past.talk(llm.db, "nothing known", cost=None, days=1)
    assert [row[5] for row in rows(llm, "list")] == ["≥0.0034", ""]
    costs = [one["cost"] for one in llm("history", "list", "--json").json]
    assert costs == [{"amount": "0.0034", "currency": "USD", "exact": False}, None]
    lines = plain(screen(llm, "list"))
    assert "≥ $0.0034" in lines[1]
    assert "—" in lines[2]


def test_list_filters(llm: Llm) -> None:
    past.talk(llm.db, "old", days=40)
    past.talk(llm.db, "older", days=50, provider="lab", model="qwen")
    past.talk(llm.db, "new")
    llm.config.parent.mkdir(parents=True)
    llm.config.write_text('[aliases]\nfast = "lab/qwen"\n')
    titles = {
        ("--since", "30d"): ["new"],
        ("--since", "2001-01-01"): ["new", "old", "older"],
        ("-n", "2"): ["new", "old"],
        ("-n", "1", "--all"): ["new", "old", "older"],
        ("-m", "lab"): ["older"],
        ("-m", "groq/llama-3.3"): ["new", "old"],
        ("-m", "qwen"): ["older"],
        ("-m", "fast"): ["older"],
    }
    for options, wanted in titles.items():
        assert [row[1] for row in rows(llm, "list", *options)] == wanted, options


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("list", "--since", "yesterday"), 2, "30d"),
        (("list", "--since", "30y"), 2, "no time"),
        (("list", "--since", "2999-01-01"), 2, "yet to come"),
        (("list", "--since", "2026-02-31"), 2, "no time"),
        (("list", "-n", "0"), 2, "-n"),
        (("list", "extra"), 2, "extra"),
        (("show", "nothing-like-it"), 3, "nothing-like-it"),
        (("show", "--tree", "--turns", "2"), 2, "--turns"),
        (("show", "--turns", "-1"), 2, "--turns"),
        (("search",), 2, "WORDS"),
        (("search", " "), 2, "no words"),
        (("nonsense",), 2, "nonsense"),
    ],
)
def test_bad_input_is_a_line(llm: Llm, args: tuple[str, ...], code: int, words: str) -> None:
    past.talk(llm.db, "hello")
    failed(llm("history", *args), code, words)


@pytest.mark.parametrize("args", [("show",), ("last",)])
def test_without_a_history_there_is_nothing_to_show(llm: Llm, args: tuple[str, ...]) -> None:
    failed(llm("history", *args), 3, "yet", 'llm "hello"')
    assert not llm.db.exists()


@pytest.mark.parametrize("args", [("list",), ("search", "x"), ()])
def test_an_empty_history_is_no_failure(llm: Llm, args: tuple[str, ...]) -> None:
    result = llm("history", *args)
    assert (result.code, result.out) == (0, b"")
    assert result.err
    assert not llm.db.exists()


def test_list_on_a_terminal_fits_and_is_safe(llm: Llm) -> None:
    past.talk(llm.db, HOSTILE, days=1)
    past.talk(llm.db, "写一首关于风的诗，" * 20, model="a-model-with-quite-a-long-name-indeed")
    for columns in (120, 80, 40):
        text = screen(llm, "list", columns=columns)
        lines = plain(text)
        assert lines[0].split()[:3] == ["ID", "AGE", "TURNS"]
        assert len(lines) == (6 if columns == 40 else 3), lines
        assert all(sum(2 if ord(c) > 0x2E80 else 1 for c in line) <= columns for line in lines)
        assert "\x1b]" not in text
        assert "\x1b[2J" not in text
        assert "\u202e" not in text
        assert "\x9b" not in text
    assert "\x1b" not in screen(llm, "list", env={"TERM": "dumb"})


def test_nothing_from_the_history_reaches_a_terminal_raw(llm: Llm) -> None:
    words = f"{HOSTILE} {KEY_SHAPED}"
    past.talk(llm.db, words, text=f"answer {words}", system=words, model=f"m{HOSTILE}")
    for args in (
        ("list",), ("show",), ("show", "--raw"), ("show", "--tree"), ("show", "--json"),
        ("search", "answer"), ("last",), ("export",), ("export", "-f", "md"),
        ("export", "-f", "html"), ("export", "-f", "jsonl"), ("check",),
    ):  # fmt: skip
        text = screen(llm, *args, columns=200)
        left = ESCAPES.sub("", re.sub(r"\x1b\[[0-9;]*m", "", text))
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e]", left), args
        assert "\x1b]" not in text, args
        assert "\x1b[2J" not in text, args
        assert KEY_SHAPED not in text, args


def test_show_in_a_pipe_is_markdown(llm: Llm) -> None:
    turns = past.talk(
        llm.db, "why is the sky blue?", "and at night?", text="Rayleigh **scatters**."
    )
    text = llm("history", "show").text
    assert text.startswith("# why is the sky blue?\n")
    assert text.index("> why is") < text.index("> and at night?")
    assert text.count("Rayleigh **scatters**.") == 2
    assert llm("history", "show", turns[0].conversation).text == text
    assert llm("history", "show", turns[0].conversation[:12].lower()).text == text
    only = llm("history", "show", "--turns", "1").text
    assert "and at night?" in only
    assert "> why is" not in only
    assert "## 2 · You" in only


def test_show_on_a_terminal_is_rendered(llm: Llm) -> None:
    past.talk(llm.db, "hi", text="Some **bold** words.\n\n```python\nprint(1)\n")
    text = screen(llm, "show")
    assert "\x1b[1mbold\x1b[0m" in text
    assert "**bold**" not in text
    assert "**bold**" in screen(llm, "show", "--raw")


def test_show_as_json_is_a_document(llm: Llm) -> None:
    turns = past.talk(llm.db, "hi", "there")
    [(conversation, read)] = from_text(llm("history", "show", "--json").text)
    assert conversation.id == turns[0].conversation
    assert [turn.prompt for turn in read] == ["hi", "there"]


def test_show_takes_the_last_one_even_when_nothing_was_answered(llm: Llm) -> None:
    past.talk(llm.db, "in vain", text="", status="failed", error_kind="server", error_message="no")
    result = llm("history", "show")
    assert "in vain" in result.text
    assert "failed" in result.text


def test_a_conversation_without_turns(llm: Llm) -> None:
    """Nobody makes one but an import."""
    document = {"format": "llm-conversation", "version": 1, "conversation": {"id": "0EMPTY"}}
    assert llm("history", "import", "-", input=json.dumps(document).encode()).code == 0
    for args in (("show", "0EMPTY"), ("show", "0EMPTY", "--tree"), ("export", "0EMPTY"), ("list",)):
        assert llm("history", *args).code == 0, args
    assert "nothing was asked" in screen(llm, "show")


def test_tree_draws_every_branch(llm: Llm) -> None:
    first, second = past.talk(llm.db, "one", "two")
    again = past.turn("two again", parent=first.id, conversation=first.conversation)
    third = past.turn("three", parent=again.id, conversation=first.conversation)
    cut = past.turn("three cut", "wo", parent=again.id, conversation=first.conversation)
    cut = cut._replace(status="interrupted")
    past.write(llm.db, [again, third, cut])
    text = screen(llm, "show", "--tree", columns=120)
    drawn = [re.sub(r"[0-9A-Z]{10,}", "ID", line) for line in plain(text)]
    assert drawn[:5] == [
        "○ ID  one · groq/llama-3.3",
        "├─○ ID  two · groq/llama-3.3",
        "└─○ ID  two again · groq/llama-3.3",
        "  ├─○ ID  three · groq/llama-3.3",
        "  └─● ID  three cut · groq/llama-3.3 · interrupted",
    ]
    piped = rows(llm, "show", "--tree")
    assert [(row[0], row[1], row[2]) for row in piped] == [
        (first.id, "", ""),
        (second.id, first.id, ""),
        (again.id, first.id, ""),
        (third.id, again.id, ""),
        (cut.id, again.id, "head"),
    ]


def test_a_long_chain_stays_at_the_margin(llm: Llm) -> None:
    past.talk(llm.db, *(f"number {n}" for n in range(300)))
    lines = plain(screen(llm, "show", "--tree"))
    assert sum(line.startswith("○ ") for line in lines) == 299


def test_search_finds_words_and_shows_where(llm: Llm) -> None:
    turns = past.talk(llm.db, "what is Rayleigh scattering?", "something else")
    past.talk(llm.db, "no match")
    [row] = rows(llm, "search", "rayleigh", "scatter")
    assert row[:2] == [turns[0].conversation, turns[0].id]
    assert row[3:] == ["groq/llama-3.3", "what is Rayleigh scattering?", row[5]]
    assert "Rayleigh scattering" in row[5]
    [hit] = llm("history", "search", "rayleigh", "--json").json
    assert (hit["turn"], hit["model"]) == (turns[0].id, "llama-3.3")
    assert "\x1b[1mRayleigh\x1b[0m" in screen(llm, "search", "rayleigh")


def test_nothing_found_is_no_failure(llm: Llm) -> None:
    past.talk(llm.db, "hello")
    result = llm("history", "search", "nowhere")
    assert (result.code, result.out) == (0, b"")
    assert "nothing found" in result.err
    assert llm("history", "search", "nowhere", "--json").text == "[]\n"


@pytest.mark.parametrize(
    "words",
    ['"', "'", "a AND", "NOT", "(", "col:x", "*", "^a", "-x", "a OR b", '"" ""', "\x01", "é"],
)
def test_search_takes_any_words(llm: Llm, words: str) -> None:
    past.talk(llm.db, "hello")
    result = llm("history", "search", "--", words)
    assert result.code == 0, result.err


def test_a_key_in_a_snippet_is_masked_whole(llm: Llm) -> None:
    past.talk(llm.db, f"my key is {KEY_SHAPED} ok")
    for text in (llm("history", "search", "proj").text, screen(llm, "search", "proj")):
        assert "abcdefghijklmnopqrstuv" not in text
        assert "[redacted]" in text


def test_last_keeps_the_shape_of_its_json(llm: Llm) -> None:
    past.talk(llm.db, "hi")
    turn = llm("history", "last", "--json").json
    wanted = """id conversation started ended provider model system prompt options text reasoning
        tool_calls opaque finish_reason status exit_code error_kind error_message input output
        cache_read cache_write reasoning_tokens cost currency basis first_token_s total_s
        attempts"""
    assert set(wanted.split()) <= set(turn)
    attempt = """turn number provider model status http_status request_id error_kind error_message
        input output cache_read cache_write reasoning_tokens cost currency basis seconds"""
    assert set(attempt.split()) <= set(turn["attempts"][0])
    assert (turn["cost"], turn["input"], turn["cache_read"]) == ("0.0034", 1000, None)


def test_the_picker_shows_what_is_chosen(llm: Llm) -> None:
    past.talk(llm.db, "about apples", text="Apples are red.", days=1)
    past.talk(llm.db, "about pears", text="Pears are green.")
    child = llm.spawn("history", encoding="utf-8")
    child.expect_exact("pears")
    child.send("apples\r")
    child.expect_exact("Apples are red.")
    child.expect(r"llm chat --id 0\w+")
    child.expect_exact(EOF)
    child = llm.spawn("history", encoding="utf-8")
    child.expect_exact("pears")
    child.send("\x1b")
    child.expect_exact(EOF)
    child.close()
    assert child.exitstatus == 0


def test_real_turns_are_listed(llm: Llm) -> None:
    """What the command itself keeps is what the history shows."""
    with GoodServer() as server:
        write_card(llm, server.url, "lab", models={"m": {}, "echo": {}}, key_env=None)
        llm("-m", "lab/echo", "the words that were asked")
    [row] = rows(llm, "list")
    assert row[1:4] == ["the words that were asked", "1", "lab/echo"]
    assert llm("history", "show").text.count("the words that were asked") >= 3
    assert rows(llm, "search", "asked")[0][0] == row[0]


@pytest.mark.skipif(not shutil.which("setsid"), reason="needs setsid")
def test_show_means_the_last_conversation_of_this_terminal(llm: Llm) -> None:
    """Another terminal, which is another session of the system, has its own."""
    with GoodServer() as server:
        write_card(llm, server.url, "lab", models={"m": {}, "echo": {}}, key_env=None)
        ask = f"{sys.executable} -m llmcli -m lab/echo"
        here = f'{ask} apples; setsid -w {ask} pears; "$@"'
        result = llm("history", "show", wrap=here)
    assert "> apples" in result.text
    assert "> pears" not in result.text
    assert rows(llm, "list")[0][1] == "pears"
    assert "> pears" in llm("history", "show").text


def test_ages_in_lists(llm: Llm) -> None:
    past.talk(llm.db, "a", days=2)
    past.talk(llm.db, "b", started=time.time() - 100 * DAY, total_s=0.0)
    lines = plain(screen(llm, "list"))
    assert lines[1].split()[1:3] == ["2", "d"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", lines[2].split()[1])
