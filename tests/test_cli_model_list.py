"""`llm models list`: its filters, retired models, and the lists it asks providers for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from loopback import Asked, Loopback
from support import Llm, write_card

MODELS = {
    "cheap": {"context": 8000, "tools": True, "cost": {"input": 0.1, "output": 0.4}},
    "seeing": {"input": ["text", "image"], "tools": True, "cost": {"input": 1, "output": 4}},
    "thinking": {"reasoning": True, "tools": False, "cost": {"input": 15, "output": 60}},
    "free": {"reasoning": True, "input": ["text"], "cost": {"input": 0, "output": 0}},
    "unknown": {},
}


@pytest.fixture
def shelf(llm: Llm) -> Llm:
    """The command with a provider `fs` of five models."""
    write_card(llm, "http://127.0.0.1:9/v1", models=MODELS)
    return llm


def listed(llm: Llm, *args: str, **options: Any) -> list[str]:
    """The models of `fs` that are listed."""
    result = llm("models", "list", *args, **options)
    assert result.code == 0, result.err
    specs = (line.partition("\t")[0] for line in result.text.splitlines())
    return [spec.removeprefix("fs/") for spec in specs if spec.startswith("fs/")]


class TestFilters:
    @pytest.mark.parametrize(
        ("args", "names"),
        [
            ((), ["cheap", "seeing", "thinking", "free", "unknown"]),
            (("--tools",), ["cheap", "seeing"]),
            (("--vision",), ["seeing"]),
            (("--reasoning",), ["thinking", "free"]),
            (("--max-price", "1"), ["cheap", "seeing", "free"]),
            (("--max-price", "0.1"), ["cheap", "free"]),
            (("--max-price", "0"), ["free"]),
            (("--tools", "--vision", "--max-price", "1"), ["seeing"]),
            (("--all", "--tools", "--vision"), ["seeing"]),
        ],
    )
    def test_leave_what_is_known_to_fit(
        self, shelf: Llm, args: tuple[str, ...], names: list[str]
    ) -> None:
        assert listed(shelf, *args) == names

    def test_nothing_left_says_so(self, shelf: Llm) -> None:
        result = shelf("models", "list", "--provider", "fs", "--vision", "--max-price", "0")
        assert (result.code, result.out) == (0, b"")
        assert "no model is known to be all of that" in result.err
        args = ("--provider", "fs", "--vision", "--reasoning", "--json")
        assert shelf("models", "list", *args).json == []

    @pytest.mark.parametrize("value", ["-1", "nan", "inf", "cheap"])
    def test_bad_prices(self, shelf: Llm, value: str) -> None:
        result = shelf("models", "list", "--max-price", value)
        assert (result.code, result.out) == (2, b"")
        assert "--max-price" in result.err


def test_retired_models_are_marked(llm: Llm) -> None:
    gone, later = date(2020, 10, 23), date(2999, 1, 2)
    write_card(
        llm, "http://127.0.0.1:9/v1", models={"old": {"retired": gone}, "new": {"retired": later}}
    )
    text = llm("models", "list").text
    assert "fs/old\t\t\t\t\tretired 2020-10-23\n" in text
    assert "fs/new\t\t\t\t\tretires 2999-01-02\n" in text
    rows = llm("models", "list", "--provider", "fs", "--json").json
    assert [row["retired"] for row in rows] == ["2020-10-23", "2999-01-02"]
    assert "retired\t2020-10-23\t" in llm("models", "show", "fs/old").text
    assert llm("models", "show", "fs/old", "--json").json["retired"] == "2020-10-23"


def lists(*names: str) -> Any:
    """An answer with these models."""
    rows = [{"id": name, "context_length": 4096} for name in names]
    return lambda _: (200, {"object": "list", "data": rows})


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback(lists("m", "new")) as found:
        yield found


def test_a_person_is_told_whose_models_are_not_known(llm: Llm) -> None:
    """On a terminal; what is unknown for a script is not there."""
    write_card(llm, "http://127.0.0.1:9/v1", "lab", models={})
    write_card(llm, "http://127.0.0.1:9/v1")
    screen = llm.spawn("models", "list").read().decode()
    assert "not known yet are those of lab: llm models list --refresh" in screen
    assert llm("models", "list").err == ""


class TestRefresh:
    def test_what_is_listed_now_is_known_from_then_on(self, llm: Llm, server: Loopback) -> None:
        write_card(llm, server.url, models={"m": {"context": 9, "tools": True}})
        assert listed(llm) == ["m"]
        result = llm("models", "list", "--refresh")
        assert (result.code, result.err) == (0, "")
        assert "fs/m\t9\t\t\t\ttools\n" in result.text
        assert "fs/new\t4096\t\t\t\t\n" in result.text
        assert listed(llm) == ["m", "new"]
        assert len(server.asked) == 1
        today = datetime.now(UTC).date()
        facts = llm("models", "show", "fs/new", "--json").json
        assert facts["sources"] == {"context": f"listed by fs on {today}"}
        assert llm("providers", "list", "--json").json[0]["models"] == 2

    def test_a_model_that_is_listed_can_be_named_alone(self, llm: Llm, server: Loopback) -> None:
        write_card(llm, server.url)
        assert llm("models", "show", "new").code == 3
        llm("models", "list", "--refresh")
        assert llm("models", "show", "new", "--json").json["model"] == "fs/new"

    def test_a_model_that_is_gone_is_forgotten(self, llm: Llm, server: Loopback) -> None:
        write_card(llm, server.url)
        assert listed(llm, "--refresh") == ["m", "new"]
        server.answer = lists("other")
        assert listed(llm, "--refresh") == ["m", "other"]

    def test_one_that_fails_keeps_its_list(self, llm: Llm, server: Loopback) -> None:
        write_card(llm, server.url)
        with Loopback(lists("a")) as second:
            write_card(llm, second.url, "lab")
            assert llm("models", "list", "--refresh").code == 0
        server.answer = lists("newer")
        result = llm("models", "list", "--refresh")
        assert result.code == 0
        assert result.err.count("\n") == 1
        assert "llm: lab: cannot connect" in result.err
        assert "; its list of 20" in result.err
        assert "lab/a\t" in result.text
        assert "fs/newer\t" in result.text

    def test_all_that_fail_are_a_failure(self, llm: Llm, server: Loopback) -> None:
        write_card(llm, server.url)
        write_card(llm, server.url, "lab")
        server.answer = lambda _: (401, {"error": {"message": "bad key"}})
        result = llm("models", "list", "--refresh")
        assert (result.code, result.out) == (4, b"")
        assert "fs" in result.err
        assert "lab" in result.err

    @pytest.mark.parametrize(("status", "code"), [(401, 4), (429, 5), (500, 7), (404, 9)])
    def test_one_provider_fails_with_its_own_code(
        self, llm: Llm, server: Loopback, status: int, code: int
    ) -> None:
        write_card(llm, server.url, retries=0)
        server.answer = lambda _: (status, {})
        assert llm("models", "list", "--provider", "fs", "--refresh").code == code

    def test_only_the_named_provider_is_asked(self, llm: Llm, server: Loopback) -> None:
        write_card(llm, server.url)
        with Loopback(lists("a")) as second:
            write_card(llm, second.url, "lab")
            assert llm("models", "list", "--provider", "lab", "--refresh").code == 0
            assert (len(second.asked), server.asked) == (1, [])

    def test_no_key_for_the_named_provider(self, llm: Llm, server: Loopback) -> None:
        write_card(llm, server.url)
        result = llm("models", "list", "--provider", "fs", "--refresh", env={"FS_KEY": None})
        assert (result.code, server.asked) == (4, [])

    def test_nothing_configured_is_nothing_to_ask(self, llm: Llm) -> None:
        result = llm("models", "list", "--all", "--refresh")
        assert result.code == 0
        assert "openai/" in result.text

    def test_they_are_asked_at_the_same_time(self, llm: Llm, server: Loopback) -> None:
        def slow(_: Asked) -> tuple[int, Any]:
            time.sleep(1)
            return 200, {"data": [{"id": "m"}]}

        server.answer = slow
        for number in range(6):
            write_card(llm, server.url, f"fs{number}")
        result = llm("models", "list", "--refresh")
        assert (result.code, len(server.asked)) == (0, 6)
        assert result.seconds < 4.5

    def test_names_that_would_steer_the_terminal_are_dropped(
        self, llm: Llm, server: Loopback
    ) -> None:
        write_card(llm, server.url)
        server.answer = lists("ok", "b\x1b[2Jad")
        result = llm("models", "list", "--refresh")
        assert b"\x1b" not in result.out
        assert listed(llm) == ["m", "ok"]

    def test_a_list_that_is_none_is_a_failure_and_not_kept(
        self, llm: Llm, server: Loopback
    ) -> None:
        write_card(llm, server.url)
        llm("models", "list", "--refresh")
        server.answer = lambda _: (200, {"data": "none"})
        assert llm("models", "list", "--refresh").code == 7
        assert listed(llm) == ["m", "new"]

    def test_the_list_holds_no_key_and_is_private(self, llm: Llm, server: Loopback) -> None:
        write_card(llm, server.url)
        llm("models", "list", "--refresh")
        path = llm.home / "cache" / "models" / "fs.json"
        assert path.stat().st_mode & 0o777 == 0o600
        assert llm.env["FS_KEY"] not in path.read_text()


class TestDetails:
    """Ollama's list tells no context: each model is asked for."""

    @staticmethod
    def ollama(count: int, *, broken: str = "") -> Any:
        def answer(asked: Asked) -> tuple[int, Any]:
            if asked.path.endswith("/api/tags"):
                return 200, {"models": [{"model": f"m{number}"} for number in range(count)]}
            if asked.body["model"] == broken:
                return 500, {"error": "no such blob"}
            facts = {"model_info": {"llama.context_length": 2048}, "capabilities": ["vision"]}
            return 200, facts

        return answer

    def test_are_asked_for(self, llm: Llm) -> None:
        with Loopback(self.ollama(3, broken="m1")) as server:
            base = server.url.removesuffix("/v1")
            write_card(llm, base, adapter="ollama", models=None, retries=0)
            text = llm("models", "list", "--provider", "fs", "--refresh").text
        assert text == "fs/m0\t2048\t\t\t\timage\nfs/m1\t\t\t\t\t\nfs/m2\t2048\t\t\t\timage\n"

    def test_of_fifty_at_most(self, llm: Llm) -> None:
        with Loopback(self.ollama(60)) as server:
            base = server.url.removesuffix("/v1")
            write_card(llm, base, adapter="ollama", models=None)
            assert len(listed(llm, "--refresh")) == 60
            assert len(server.asked) == 51


READERS: dict[str, dict[str, Any]] = {
    "dear": {"context": 200_000, "tools": True, "cost": {"input": 10, "output": 1}},
    "small": {"context": 50, "cost": {"input": 0.01, "output": 0.01}},
    "cheap": {"context": 8000, "output": 500, "tools": True, "cost": {"input": 1, "output": 40}},
    "unknown": {},
    "gone": {"retired": date(2020, 1, 2), "cost": {"input": 0.02, "output": 0.02}},
    "vectors": {"cost": {"input": 0.001}},
    "seeing": {"input": ["text", "image"], "cost": {"input": 20, "output": 2}},
    "blind": {"input": ["text"], "cost": {"input": 5, "output": 5}},
}


class TestForFile:
    """`--for FILE` ranks by what a file costs."""

    FIT = ("cheap", "blind", "dear", "seeing")

    @pytest.fixture
    def readers(self, llm: Llm, tmp_path: Path) -> Llm:
        write_card(llm, "http://127.0.0.1:9/v1", models=READERS)
        (tmp_path / "notes.txt").write_text("some words\n" * 100)
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
        return llm

    def test_the_cheapest_first(self, readers: Llm) -> None:
        """Then those that cannot read it or answer, then those whose price is not known."""
        found = listed(readers, "--provider", "fs", "--for", "notes.txt")
        assert found == [*self.FIT, "vectors", "small", "gone", "unknown"]

    def test_the_cost_is_that_of_a_call(self, readers: Llm) -> None:
        """As `--estimate` has it for the same file; exact in a pipe."""
        args = ("--provider", "fs", "--for", "notes.txt", "--tools")
        rows = [line.split("\t") for line in readers("models", "list", *args).text.splitlines()]
        estimated = readers("--estimate", "-m", "fs/cheap", "-m", "fs/dear", "-a", "notes.txt").text
        estimates = [line.split("\t") for line in estimated.splitlines()]
        assert [row[:2] for row in rows] == [[row[0], row[4]] for row in estimates]
        assert rows[0][2:] == ["8000", "500", "1", "40", "tools"]

    def test_an_answer_may_be_counted_in(self, readers: Llm) -> None:
        """Which changes the order, and what can be done."""
        args = ("models", "list", "--provider", "fs", "--for", "notes.txt", "--output", "600")
        rows = readers(*args, "--json").json
        by_id = {row["id"]: row for row in rows}
        assert [row["id"] for row in rows[:3]] == ["dear", "blind", "seeing"]
        assert by_id["cheap"]["unfit"] == ["output too small"]
        assert by_id["small"]["unfit"] == ["context too small"]
        assert (by_id["vectors"]["unfit"], by_id["vectors"]["cost"]) == (["only embeds"], None)
        dear = by_id["dear"]
        expected = Decimal(dear["input_tokens"] * 10 + 600) / 1_000_000
        assert Decimal(dear["cost"]["amount"]) == expected
        assert (dear["output_tokens"], dear["whole"]) == (600, True)
        assert "output too small" in readers(*args).text

    def test_stdin(self, readers: Llm) -> None:
        """What is piped in, without a name."""
        args = ("models", "list", "--provider", "fs", "--tools", "--json", "--for", "-")
        [row, _] = readers(*args, input=b"some words\n" * 100).json
        assert 0 < row["input_tokens"] < readers(*args[:-1], "notes.txt").json[0]["input_tokens"]
        nothing = readers(*args[:4], "--for", "-")
        assert (nothing.code, nothing.out) == (2, b"")
        assert "nothing on stdin" in nothing.err

    def test_pictures_go_by_the_price_of_a_token(self, readers: Llm) -> None:
        """Nobody knows how many there are; who cannot see comes last."""
        args = ("models", "list", "--provider", "fs", "--for", "a.png")
        rows = readers(*args, "--json").json
        assert {row["cost"] and row["cost"]["amount"] for row in rows} == {None}
        assert next(row for row in rows if row["id"] == "blind")["unfit"] == ["takes no image"]
        order = [row["id"] for row in rows]
        assert order.index("cheap") < order.index("dear") < order.index("seeing")
        assert order.index("seeing") < order.index("blind")
        assert "only text can be priced" in readers(*args).err

    def test_on_a_terminal(self, readers: Llm) -> None:
        """Costs in words, a header, and a line that says what COST is."""
        args = ("models", "list", "--provider", "fs", "--for", "notes.txt")
        written = readers.spawn(*args, dimensions=(40, 120)).read().decode()
        assert "MODEL       COST" in written
        assert "cost unknown" in written
        assert "context too small" in written
        assert "notes.txt: ~" in written
        assert "COST is without an answer: --output N" in written

    @pytest.mark.parametrize(
        ("args", "words"),
        [
            (("--output", "5"), "goes with --for FILE"),
            (("--for", "notes.txt", "--output", "-1"), "0 or more"),
            (("--for", "nowhere.txt"), "No such file"),
            (("--for", "."), "not a regular file"),
        ],
    )
    def test_bad_input(self, readers: Llm, args: tuple[str, ...], words: str) -> None:
        """One line each."""
        result = readers("models", "list", *args)
        assert (result.code, result.out) == (2, b"")
        assert words in result.err
