"""`llm --estimate`: what a prompt would be and cost, run as the installed command."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import wire
from loopback import Asked, Loopback
from support import Llm, write_card

from llmcli import estimate
from llmcli.messages import Message, Request, Text
from llmcli.usage import Price, Usage, cost_of

FAR = "http://127.0.0.1:9/v1"
MODELS: dict[str, dict[str, Any]] = {
    "cheap": {"context": 1000, "output": 500, "cost": {"input": 1, "output": 4}},
    "dear": {"context": 200_000, "output": 64_000, "cost": {"input": 10, "output": 40}},
    "endless": {"context": 8000, "cost": {"input": 2, "output": 8}},
    "batched": {
        "output": 100,
        "prices": [{"input": 6, "output": 8, "batch": {"input": 3, "output": 4}}],
    },
    "seeing": {"input": ["text", "image"], "output": 10, "cost": {"input": 5, "output": 5}},
    "blind": {"input": ["text"], "output": 10, "cost": {"input": 5, "output": 5}},
    "unknown": {},
}
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64)


@pytest.fixture
def shelf(llm: Llm) -> Llm:
    """The command with models of a provider that cannot be reached, and without its key."""
    write_card(llm, FAR, models=MODELS)
    del llm.env["FS_KEY"]
    return llm


def tokens(*texts: str) -> int:
    """What these messages are estimated to be."""
    found = estimate.of_request(Request("", tuple(Message("user", (Text(t),)) for t in texts)))
    assert found is not None
    return found


def shown(llm: Llm, *args: str) -> str:
    """What it writes on a terminal of 120 columns."""
    written: bytes = llm.spawn(*args, dimensions=(24, 120)).read()
    return written.decode()


def usd(value: dict[str, Any] | None) -> Decimal | None:
    """The amount of a cost of JSON."""
    return None if value is None else Decimal(value["amount"])


class TestOneModel:
    def test_columns_in_a_pipe(self, shelf: Llm) -> None:
        """Spec, input, context, output, low, high, and both as a batch; nothing else is said."""
        result = shelf("--estimate", "-m", "fs/cheap", "hello")
        assert (result.code, result.err) == (0, "")
        assert result.text == "fs/cheap\t5\t1000\t500\t0.000005\t0.002005\t\t\n"
        batched = shelf("--estimate", "-m", "fs/batched", "hello").text
        assert batched == "fs/batched\t5\t\t100\t0.00003\t0.00083\t0.000015\t0.000415\n"

    def test_a_line_for_a_person(self, shelf: Llm) -> None:
        """All on one line."""
        text = shown(shelf, "--estimate", "-m", "fs/cheap", "hello")
        words = "fs/cheap · ~5 in · 0.5 % of 1,000 · at most 500 out · $0.000005 to $0.002005"
        assert text == f"{words}\r\n"
        text = shown(shelf, "--estimate", "-m", "fs/batched", "hello")
        assert "$0.00003 to $0.00083 · as a batch $0.000015 to $0.000415\r\n" in text

    @pytest.mark.parametrize(
        ("model", "words"),
        [
            ("endless", "longest answer unknown · at least $0.00001"),
            ("unknown", "context unknown · longest answer unknown · cost unknown"),
        ],
    )
    def test_what_is_unknown_is_said(self, shelf: Llm, model: str, words: str) -> None:
        """It is never $0, nor a range with an end that nobody knows."""
        text = shown(shelf, "--estimate", "-m", f"fs/{model}", "hello")
        assert words + "\r\n" in text

    def test_too_long_is_said(self, shelf: Llm) -> None:
        """More than the context."""
        prompt = "word " * 3000
        assert shelf("--estimate", "-m", "fs/cheap", "--json", prompt).json[0]["percent"] > 100
        text = shown(shelf, "--estimate", "-m", "fs/cheap", prompt)
        assert "of 1,000: too long" in text

    def test_json(self, shelf: Llm) -> None:
        """A list, its amounts are texts."""
        assert shelf("--estimate", "-m", "fs/batched", "--json", "hello").json == [
            {
                "type": "estimate",
                "provider": "fs",
                "model": "batched",
                "input": 5,
                "whole": True,
                "context": None,
                "percent": None,
                "output": 100,
                "cost": {
                    "low": {"amount": "0.00003", "currency": "USD", "basis": "card"},
                    "high": {"amount": "0.00083", "currency": "USD", "basis": "card"},
                },
                "batch_cost": {
                    "low": {"amount": "0.000015", "currency": "USD", "basis": "card"},
                    "high": {"amount": "0.000415", "currency": "USD", "basis": "card"},
                },
            }
        ]
        [unknown] = shelf("--estimate", "-m", "fs/unknown", "--json", "hello").json
        assert (unknown["cost"], unknown["batch_cost"]) == (None, None)

    def test_on_this_machine_it_is_free(self, llm: Llm) -> None:
        """The embedded model, which need not even be here."""
        [found] = llm("--estimate", "-m", "local/smollm2", "--json", "hello").json
        assert found["cost"]["high"] == {"amount": "0", "currency": "USD", "basis": "local"}
        text = shown(llm, "--estimate", "-m", "local/smollm2", "hello")
        assert "free (local)\r\n" in text

    def test_all_that_would_be_sent_counts(self, shelf: Llm, tmp_path: Path) -> None:
        """System prompt, piped text, files, tools, the schema of the answer."""
        file = tmp_path / "notes.txt"
        file.write_text("some notes " * 50)
        tools = tmp_path / "tools.json"
        tools.write_text(json.dumps([{"name": "now", "description": "tells the time of a zone"}]))
        schema = {"type": "object", "properties": {"a_name_to_be_read": {"type": "string"}}}
        (tmp_path / "schema.json").write_text(json.dumps(schema))
        plain = ("--estimate", "-m", "fs/dear", "--json", "hello")
        sizes = [
            shelf(*plain, *more, input=piped).json[0]["input"]
            for more, piped in (
                ((), None),
                (("-s", "be brief"), None),
                ((), b"some context"),
                (("-a", str(file)), None),
                (("--tools", str(tools)), None),
                (("-o", f"response_schema=@{tools.parent / 'schema.json'}"), None),
            )
        ]
        assert sizes[0] == tokens("hello")
        assert sizes[1] == tokens("be brief", "hello")
        assert sizes[2] == tokens("some context\n\nhello")
        assert sizes[3] > 100
        assert sizes[4] > sizes[0] + 5
        assert sizes[5] > sizes[0] + 15

    def test_the_limit_of_the_answer(self, shelf: Llm) -> None:
        """What was asked for, but never more than the model can."""
        for asked, output in (("100", 100), ("9999", 500)):
            option = ("-o", f"max_output_tokens={asked}")
            [found] = shelf("--estimate", "-m", "fs/cheap", "--json", *option, "hello").json
            assert found["output"] == output
            assert usd(found["cost"]["high"]) == Decimal(5 + 4 * output) / 1_000_000

    def test_a_limit_that_is_sent_unasked(self, shelf: Llm) -> None:
        """Anthropic's format names one in every request."""
        write_card(shelf, FAR, adapter="anthropic", models=MODELS)
        [dear] = shelf("--estimate", "-m", "fs/dear", "--json", "hello").json
        body = json.loads(shelf("-m", "fs/dear", "--dry-run", "hello").text.split("\n\n", 1)[1])
        assert dear["output"] == body["max_tokens"] < MODELS["dear"]["output"]
        [cheap] = shelf("--estimate", "-m", "fs/cheap", "--json", "hello").json
        assert cheap["output"] == 500
        more = ("-o", "extra.max_tokens=50000", "-o", "cache=true")
        [asked] = shelf("--estimate", "-m", "fs/dear", "--json", *more, "hello").json
        assert asked["output"] == 50_000

    def test_pictures_are_not_counted_and_that_is_said(self, shelf: Llm, tmp_path: Path) -> None:
        """What is known is what it costs at least."""
        file = tmp_path / "a.png"
        file.write_bytes(PICTURE)
        args = ("--estimate", "-m", "fs/seeing", "-a", str(file), "hello")
        [found] = shelf(*args, "--json").json
        assert (found["whole"], found["input"], found["cost"]["high"]) == (False, 5, None)
        result = shelf(*args)
        assert result.text == "fs/seeing\t\t\t10\t0.000025\t\t\t\n"
        assert "only text is counted" in result.err
        text = shown(shelf, *args)
        assert "at least ~5 in" in text
        assert "at least $0.000025" in text

    def test_what_cannot_be_sent_is_an_error(self, shelf: Llm, tmp_path: Path) -> None:
        """As it would be if it were asked."""
        file = tmp_path / "a.png"
        file.write_bytes(PICTURE)
        result = shelf("--estimate", "-m", "fs/blind", "-m", "fs/seeing", "-a", str(file), "hello")
        assert (result.code, result.out) == (2, b"")
        assert "fs/blind cannot take a.png" in result.err


class TestSeveralModels:
    SPECS = ("-m", "fs/unknown", "-m", "fs/dear", "-m", "fs/cheap", "-m", "fs/endless")

    def test_cheapest_first_unknown_last(self, shelf: Llm) -> None:
        """By what the input costs; a model that is named twice comes once."""
        result = shelf("--estimate", *self.SPECS, "-m", "fs/dear", "hello")
        rows = [line.split("\t") for line in result.text.splitlines()]
        assert [row[0] for row in rows] == ["fs/cheap", "fs/endless", "fs/dear", "fs/unknown"]
        assert rows[-1] == ["fs/unknown", "5", "", "", "", "", "", ""]

    def test_a_table_for_a_person(self, shelf: Llm) -> None:
        """Nothing of a batch where no model has one."""
        text = shown(shelf, "--estimate", *self.SPECS, "hello")
        assert re.search(r"MODEL +INPUT +CONTEXT +OUTPUT +COST\S*\r\n", text)
        assert re.search(r"fs/cheap +~5 +0.5 % +500 +\$0.000005 to \$0.002005\r\n", text)
        assert re.search(r"fs/endless +~5 +<0.1 % +unknown +at least \$0.00001\r\n", text)
        assert re.search(r"fs/dear +~5 +<0.1 % +64,000 +\$0.00005 to \$2.5600\r\n", text)
        assert re.search(r"fs/unknown +~5 +unknown +unknown +cost unknown\r\n", text)

    def test_jsonl_and_the_models_to_fall_back_to(self, shelf: Llm) -> None:
        """A line each."""
        args = ("-m", "fs/dear", "--fallback", "fs/cheap")
        events = shelf("--estimate", "--jsonl", *args, "hello").events
        assert [one["model"] for one in events] == ["cheap", "dear"]

    def test_without_estimate_only_one_is_asked(self, shelf: Llm) -> None:
        """The hint names the commands that take several."""
        result = shelf("-m", "fs/cheap", "-m", "fs/a b", "hello")
        assert (result.code, result.out) == (2, b"")
        assert "llm compare -m fs/cheap -m 'fs/a b' …" in result.err
        assert "--estimate" in result.err

    @pytest.mark.parametrize("other", ["-x", "--dry-run"])
    def test_with_what_makes_no_sense(self, shelf: Llm, other: str) -> None:
        """One line that says so."""
        result = shelf("--estimate", other, "-m", "fs/cheap", "hello")
        assert (result.code, result.out) == (2, b"")
        assert "--estimate sends nothing" in result.err

    def test_nothing_is_kept(self, shelf: Llm) -> None:
        """Neither a turn nor an entry."""
        assert shelf("--estimate", "-m", "fs/cheap", "hello").code == 0
        assert not shelf.db.exists()


class TestAgainstTheCall:
    """What the call then costs is in the range, and the same for the same tokens."""

    PRICE = Price(Decimal(3), Decimal(15), Decimal(1))

    @pytest.fixture
    def server(self, llm: Llm) -> Iterator[Loopback]:
        """A server that reports the usage that `said` holds."""
        self.said = (0, 0)

        def answer(_: Asked) -> tuple[int, Any]:
            given, written = self.said
            return 200, wire.body(
                usage={"prompt_tokens": given, "completion_tokens": written, "total_tokens": 0}
            )

        with Loopback(answer) as server:
            models = {
                "m": {
                    "context": 9000,
                    "output": 400,
                    "cost": {"input": 3, "output": 15, "cache_read": 1},
                }
            }
            write_card(llm, server.url, models=models)
            yield server

    def ask(self, llm: Llm, *args: str) -> Decimal:
        """What the call costs."""
        found = usd(llm("-m", "fs/m", "--no-stream", "--json", *args).json["cost"])
        assert found is not None
        return found

    def test_the_ends_of_the_range(self, llm: Llm, server: Loopback) -> None:
        """No answer is the low end, the longest one the high end, to the last digit."""
        [found] = llm("--estimate", "-m", "fs/m", "--json", "what is a prime number?").json
        assert server.asked == []
        for written, end in ((0, "low"), (400, "high")):
            self.said = (found["input"], written)
            expected = cost_of(Usage(*self.said), [self.PRICE], datetime.now(UTC))
            assert expected is not None
            cost = self.ask(llm, "what is a prime number?")
            assert cost == expected.amount == usd(found["cost"][end])

    def test_a_conversation_goes_on_from_what_was_counted(self, llm: Llm, server: Loopback) -> None:
        """The same model has told how large the last turn was; another one is estimated."""
        self.said = (7000, 300)
        self.ask(llm, "first")
        [turn] = llm.turns()
        args = ("--estimate", "--id", turn["conversation"], "-q", "--json", "second")
        assert llm(*args).json[0]["input"] == 7300 + tokens("second")
        tools = llm.home / "tools.json"
        tools.write_text(json.dumps([{"name": "now", "description": "the time of a zone"}]))
        with_tools = llm(*args, "--tools", str(tools)).json[0]["input"]
        assert with_tools > 7300 + tokens("second")
        [other] = llm("-m", "fs/other", *args).json
        assert other["input"] == tokens("first", wire.TEXT, "second")


def test_help(llm: Llm) -> None:
    """It is told with an example."""
    text = llm("ask", "--help").text
    assert "--estimate" in text
    assert "llm --estimate -m" in text
