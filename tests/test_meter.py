"""Calls that are no turns in the ledger: embeddings and counts of tokens, each attempt of them."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from chatting import Talk
from local_weights import give
from loopback import Asked, Loopback, embeds
from support import Llm, write_card

from llmcli import cards, meter
from llmcli.errors import Interrupted
from llmcli.events import Attempt
from llmcli.report.grouping import together
from llmcli.spending import Sums, Window
from llmcli.store import Store
from llmcli.usage import Cost

MODELS = {"m": {"cost": {"input": 20, "output": 40}}}


@pytest.fixture
def embedder(llm: Llm) -> Iterator[Loopback]:
    """A server that embeds; the command knows it as `fs`."""
    with Loopback(embeds) as server:
        write_card(llm, server.url, models=MODELS)
        yield server


@pytest.fixture
def counter(llm: Llm) -> Iterator[Loopback]:
    """A server that counts as Anthropic does; the command knows it as `fs`."""
    with Loopback(lambda _: (200, {"input_tokens": 250})) as server:
        write_card(llm, server.url.removesuffix("/v1"), adapter="anthropic", models=MODELS)
        yield server


def at_first(server: Loopback, status: int, body: Any) -> None:
    """The first request gets this answer, the others what they would have got."""
    usual = server.answer

    def answer(asked: Asked) -> tuple[int, Any]:
        return (status, body) if len(server.asked) == 1 else usual(asked)

    server.answer = answer


def facts(llm: Llm, *names: str) -> list[tuple[Any, ...]]:
    """These columns of the entries."""
    return [tuple(row[name] for name in names) for row in llm.attempts()]


def sums(llm: Llm) -> Sums:
    """The sums over all entries."""
    store = Store(llm.db)
    try:
        return together(store.accounts.totals(Window())).sums
    finally:
        store.close()


class TestEmbeddings:
    def test_an_entry_with_usage_cost_and_tags(self, llm: Llm, embedder: Loopback) -> None:
        """The cost of the ledger is the one that is told."""
        args = ("embed", "-m", "fs/m", "--json", "--tag", "run=7", "some words")
        told = llm(*args, env={"LLM_TAGS": "team=search,run=1"}).json
        [row] = llm.attempts()
        assert (row["kind"], row["cause"], row["status"], row["number"]) == (
            "embed",
            "question",
            "complete",
            1,
        )
        assert (row["provider"], row["model"], row["http_status"]) == ("fs", "m", 200)
        assert (row["input"], row["output"]) == (10, 0)
        assert (row["cost"], row["basis"]) == (told["cost"]["amount"], "card")
        assert json.loads(row["tags"]) == {"run": "7", "team": "search"}
        assert row["seconds"] > 0
        assert sums(llm)[:3] == (1, 0, 0)
        assert sums(llm).cost == Decimal("0.0002")

    def test_no_word_of_it_is_kept(self, llm: Llm, embedder: Loopback) -> None:
        """Neither what was embedded nor a turn of the history."""
        assert llm("embed", "-m", "fs/m", "a-secret-word").code == 0
        assert llm.turns() == []
        for path in llm.files():
            assert b"a-secret-word" not in path.read_bytes()

    def test_each_batch_is_a_call_and_each_retry_an_attempt(
        self, llm: Llm, embedder: Loopback
    ) -> None:
        """A call that was made again is two entries of one call."""
        write_card(llm, embedder.url, models=MODELS, dialect={"embedding_limit": 2})
        at_first(embedder, 503, {"error": {"message": "busy"}})
        assert llm("embed", "-m", "fs/m", "--lines", input=b"a\nb\nc\n").code == 0
        found = facts(llm, "number", "status", "cause", "http_status", "error_kind", "input")
        assert sorted(found, key=repr) == [
            (1, "complete", "question", 200, None, 1),
            (1, "failed", "question", 503, "server", None),
            (2, "complete", "retry", 200, None, 2),
        ]
        total = sums(llm)
        assert (total.requests, total.failures, total.retries) == (3, 1, 1)
        assert (total.cost, total.unpriced) == (Decimal("0.00006"), 0)

    def test_a_failed_call(self, llm: Llm, embedder: Loopback) -> None:
        """It is an entry that has cost nothing."""
        result = llm("embed", "-m", "fs/m", "bad")
        assert result.code == 9
        assert facts(llm, "status", "http_status", "cost", "error_message") == [
            ("failed", 400, None, None)
        ]
        assert (sums(llm).failures, sums(llm).unpriced) == (1, 0)

    def test_vectors_that_are_refused_were_paid(self, llm: Llm, embedder: Loopback) -> None:
        """An answer that is no good has its cost all the same."""
        embedder.answer = lambda asked: embeds(
            asked._replace(body={k: v for k, v in asked.body.items() if k != "dimensions"})
        )
        assert llm("embed", "-m", "fs/m", "-d", "2", "abc").code == 7
        assert facts(llm, "status", "cost", "error_kind") == [("incomplete", "0.00006", "protocol")]

    @pytest.mark.parametrize(
        ("change", "row"),
        [({"data": []}, ("incomplete", 200, "0.00006")), ({"data": 5}, ("incomplete", 200, None))],
    )
    def test_an_answer_that_cannot_be_used(
        self, llm: Llm, embedder: Loopback, change: Any, row: Any
    ) -> None:
        """It was made and charged: what it used counts, or it is of unknown cost, never free."""
        embedder.answer = lambda asked: (200, {**embeds(asked)[1], **change})
        assert llm("embed", "-m", "fs/m", "abc").code == 7
        assert facts(llm, "status", "http_status", "cost") == [row]
        assert (sums(llm).failures, sums(llm).unpriced) == (1, row[2] is None)

    def test_unknown_cost_is_none(self, llm: Llm, embedder: Loopback) -> None:
        """What the server does not say is not 0."""
        embedder.answer = lambda _: (200, {"data": [{"embedding": [1]}]})
        assert llm("embed", "-m", "fs/m", "x").code == 0
        assert facts(llm, "input", "cost", "guess") == [(None, None, None)]
        assert (sums(llm).unsaid, sums(llm).unpriced) == (1, 1)

    def test_what_is_never_sent_is_no_entry(self, llm: Llm, embedder: Loopback) -> None:
        """Mistakes of the command line cost nothing."""
        assert llm("embed", "-m", "fs/m", "--tag", "nonsense", "x").code == 2
        assert llm("embed", "-m", "fs/m", "--lines", input=b"\xff\n").code == 2
        assert llm.attempts() == []

    def test_a_signal_leaves_an_entry(self, llm: Llm, embedder: Loopback) -> None:
        """What was on its way when the run was stopped may have cost something."""
        came, go_on = threading.Event(), threading.Event()

        def wait(asked: Asked) -> tuple[int, Any]:
            came.set()
            go_on.wait(20)
            return embeds(asked)

        embedder.answer = wait
        running = llm.start("embed", "-m", "fs/m", "x")
        assert came.wait(20)
        running.signal(signal.SIGTERM)
        assert running.finish().code == -signal.SIGTERM
        go_on.set()
        assert facts(llm, "status", "cost") == [("interrupted", None)]
        assert (sums(llm).interrupted, sums(llm).unpriced) == (1, 1)

    def test_budgets_hold_them(self, llm: Llm, embedder: Loopback) -> None:
        """What they will probably cost is held before; what a budget refuses is not sent."""
        write_card(llm, embedder.url, models=MODELS, dialect={"embedding_limit": 2})
        assert llm("budget", "set", "day", "0.00017", "--warn", "0.0001").code == 0
        result = llm("embed", "-m", "fs/m", "--lines", input=b"abcd\n" * 6)
        assert (result.code, len(result.text.splitlines())) == (5, 2)
        assert "day budget of $0.00017 reached" in result.err
        assert "Lines 1 to 2 are done" in result.err
        assert len(embedder.asked) == 1
        assert facts(llm, "status", "cost") == [("complete", "0.00016")]
        assert llm.query("SELECT * FROM holds") == []

    def test_it_stops_before_it_costs_more(self, llm: Llm, embedder: Loopback) -> None:
        """`--max-cost` is for all that one command embeds; a price nobody knows is refused."""
        odd = {**MODELS, "odd": {}}
        write_card(llm, embedder.url, models=odd, dialect={"embedding_limit": 2})
        six = ("embed", "--lines", "--max-cost", "0.00017", "-m")
        result = llm(*six, "fs/m", input=b"abcd\n" * 6)
        assert (result.code, len(result.text.splitlines()), len(embedder.asked)) == (5, 2, 1)
        assert "--max-cost of $0.00017 reached ($0.00016 spent, the next call" in result.err
        assert "Lines 1 to 2 are done" in result.err
        result = llm(*six, "fs/odd", input=b"abcd\n")
        assert (result.code, len(embedder.asked)) == (5, 1)
        assert result.err.startswith("llm: fs/odd has no known price, so --max-cost cannot hold it")

    def test_budgets_count_what_it_did_cost(self, llm: Llm, embedder: Loopback) -> None:
        """What was held beyond that is free again for the next call."""
        write_card(llm, embedder.url, models=MODELS, dialect={"embedding_limit": 2})
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        embedder.answer = lambda asked: (200, {**embeds(asked)[1], "usage": usage})
        assert llm("budget", "set", "day", "0.0003").code == 0
        assert llm("embed", "-m", "fs/m", "--lines", input=b"abcd\n" * 12).code == 0
        assert sums(llm).cost == Decimal("0.00012")

    def test_history_off_counts_all_the_same(self, llm: Llm, embedder: Loopback) -> None:
        """The ledger holds no words."""
        llm("config", "set", "history.enabled", "false")
        assert llm("embed", "-m", "fs/m", "x").code == 0
        assert facts(llm, "kind") == [("embed",)]

    @pytest.mark.parametrize("harm", ["folder", "garbage"])
    def test_a_ledger_that_cannot_be_written_harms_nothing(
        self, llm: Llm, embedder: Loopback, harm: str
    ) -> None:
        """The vector is what was asked for."""
        llm.db.parent.mkdir(parents=True)
        if harm == "folder":
            llm.db.mkdir()
        else:
            llm.db.write_bytes(b"no database" * 500)
        result = llm("embed", "-m", "fs/m", "abc")
        assert (result.code, result.json[0]) == (0, 3)

    def test_an_interrupted_one_on_this_machine_is_free(self) -> None:
        """What is free beforehand cannot become of unknown cost."""
        free = Cost(Decimal(0), "local")
        stopped = meter.Meter("embed", (), free)
        stopped.hear(Attempt("local", "m", 1))
        stopped.end(Interrupted(signal.SIGINT))
        [entry] = stopped.entries
        assert (entry.status, entry.cost) == ("interrupted", free)

    @pytest.mark.local
    def test_on_this_machine(self, llm: Llm) -> None:
        """It is free."""
        give(llm)
        result = llm("embed", "-m", "local/smollm2", "abc", timeout=90)
        assert result.code == 0, result.err
        assert facts(llm, "kind", "status", "cost", "basis") == [
            ("embed", "complete", "0", "local")
        ]


class TestCounts:
    def test_is_an_entry(self, llm: Llm, counter: Loopback) -> None:
        """Of unknown cost where nobody says that counting is free, which it probably is."""
        assert llm("tokens", "-m", "fs/m", "--tag", "a=b", "hello").out == b"250\n"
        found = facts(llm, "kind", "status", "http_status", "cost", "guess", "tags")
        assert found == [("count", "complete", 200, None, 0, '{"a": "b"}')]

    def test_retries_and_failures(self, llm: Llm, counter: Loopback) -> None:
        """Each attempt is an entry."""
        at_first(counter, 503, {})
        assert llm("tokens", "-m", "fs/m", "hello").code == 0
        assert facts(llm, "number", "status", "cause") == [
            (1, "failed", "question"),
            (2, "complete", "retry"),
        ]

    def test_a_server_without_the_call(self, llm: Llm, counter: Loopback) -> None:
        """It was asked, and failed; the estimate is none."""
        counter.answer = lambda _: (404, {"error": {"message": "no such path"}})
        assert llm("tokens", "-m", "fs/m", "-q", "hello").out.startswith(b"~")
        assert facts(llm, "status", "http_status", "cost") == [("failed", 404, None)]
        assert sums(llm).unpriced == 0

    def test_an_estimate_is_no_call(self, llm: Llm, counter: Loopback) -> None:
        """Neither is one of a format that cannot count."""
        assert llm("tokens", "-m", "fs/m", "--estimate", "hello").code == 0
        write_card(llm, counter.url, models=MODELS)
        assert llm("tokens", "-m", "fs/m", "hello").code == 0
        assert (counter.asked, llm.db.exists()) == ([], False)

    def test_in_a_chat(self, llm: Llm, counter: Loopback) -> None:
        """What `/tokens` counts is an entry with the tags of the chat."""
        talk = Talk(llm, "-m", "fs/m", "--tag", "a=b").begin()
        assert "250 tokens" in talk.say("/tokens hello")
        talk.leave()
        assert facts(llm, "kind", "status", "tags") == [("count", "complete", '{"a": "b"}')]

    @pytest.mark.parametrize(
        ("url", "free"),
        [
            ("https://api.anthropic.com", True),
            ("https://generativelanguage.googleapis.com/v1beta", True),
            ("https://bedrock-runtime.eu-west-1.amazonaws.com", True),
            ("https://api.openai.com/v1", False),
            ("https://api.anthropic.com.example.org", False),
            ("https://bedrock-runtime.example.org/.amazonaws.com", False),
        ],
    )
    def test_free_where_that_is_said(self, url: str, free: bool) -> None:
        """Only at the addresses of the providers that say so."""
        card = cards.Card("x", "X", "anthropic", url)
        assert meter.count_cost(card) == (Cost(Decimal(0), "card") if free else None)
