"""`--cache`: a whole answer is given again, marked and free, and nothing else ever is."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wire
from behaviour import read_cases
from fault_server import Exchange, FaultServer, fault
from faults import error
from good_server import GoodServer
from replay_server import ReplayServer
from support import KEY, Llm, write_card

PRICED = {"m": {"cost": {"input": 2, "output": 10, "cache_read": 0.5}}, "code": {}, "echo": {}}
LOADED = (
    "import sys, os; sys.argv = ['llm', *sys.argv[1:]]\n"
    "from llmcli.cli import run\n"
    "def told(code):\n"
    "    os.write(2, ('MODULES ' + ' '.join(sys.modules)).encode()); os._exit(code)\n"
    "run._leave = told\n"
    "from llmcli.cli import main; main()\n"
)


@pytest.fixture
def server(llm: Llm) -> Iterator[GoodServer]:
    """A good server that is the provider `fs`, its model `m` with a price."""
    with GoodServer() as server:
        write_card(llm, server.url, models=PRICED)
        llm.env["LLM_MODEL"] = "fs/m"
        yield server


def shelf(llm: Llm) -> Path:
    """Where the replies lie."""
    return llm.home / "cache" / "replies.db"


def change(llm: Llm, sql: str, *values: Any) -> None:
    """Change what is kept, as time or damage would."""
    with contextlib.closing(sqlite3.connect(shelf(llm), isolation_level=None)) as db:
        db.execute(sql, values)


def kept(llm: Llm) -> int:
    """How many replies are kept."""
    return int(llm("cache", "info", "--json").json["replies"])


@pytest.mark.parametrize(
    "args",
    [
        ("-m", "fs/m"),
        ("-m", "fs/echo"),
        ("-m", "fs/m", "--no-stream"),
        ("-m", "fs/code", "-x"),
        ("-m", "fs/code", "-a", "note.txt"),
    ],
)
def test_the_same_bytes_again(llm: Llm, server: GoodServer, args: tuple[str, ...]) -> None:
    """Stdout is what it was, and the server hears of it once."""
    (llm.root / "note.txt").write_text("a note")
    first, again = (llm(*args, "--cache", "wörds 🌍\n of more") for _ in range(2))
    assert (again.out, again.code) == (first.out, 0)
    assert first.out
    assert len(server.requests) == 1


def test_it_is_marked_and_free(llm: Llm, server: GoodServer) -> None:
    """The usage line says how old it is and what it saved."""
    assert "$0.0034" in llm("-u", "--cache", "hi").err
    assert llm("-u", "--cache", "hi").err == "· fs/m · cached just now · saved $0.0034\n"
    change(llm, "UPDATE replies SET stored = stored - 190")
    assert llm("-u", "--cache", "hi").err == "· fs/m · cached 3 min ago · saved $0.0034\n"
    screen = llm.spawn("-q", "--cache", "hi")
    screen.expect("fine")
    screen.wait()
    assert b"cached" not in screen.before
    llm.config.parent.mkdir(exist_ok=True)
    llm.config.write_text("[display]\nusage = false\n")
    llm.spawn("--cache", "hi").expect("cached 3 min ago, saved \\$0.0034")


def test_json_tells_of_it(llm: Llm, server: GoodServer) -> None:
    """Whether it was one, from when, and what it cost then; null where none was wanted."""
    assert llm("--json", "hi").json["cache"] is None
    missed = llm("--json", "--cache", "hi").json
    assert missed["cache"] == {"hit": False, "stored_at": None, "saved": None, "usage": None}
    found = llm("--json", "--cache", "hi").json
    assert found["cache"]["hit"] is True
    assert found["cache"]["saved"] == {"amount": "0.0034", "currency": "USD", "basis": "card"}
    assert found["cache"]["stored_at"].endswith("Z")
    assert found["cache"]["usage"] == missed["usage"]
    assert found["cost"] == {"amount": "0", "currency": "USD", "basis": "cache"}
    assert (found["usage"]["input"], found["usage"]["output"], found["attempts"]) == (0, 0, [])
    events = llm("--jsonl", "--cache", "hi").events
    assert [event["type"] for event in events] == ["cache", "start", "text", "usage", "result"]
    assert events[0]["stored_at"] == found["cache"]["stored_at"]
    assert len(server.requests) == 2


def test_a_cost_nobody_knows_is_not_saved(llm: Llm, server: GoodServer) -> None:
    """What the first answer cost is unknown, and so is what was saved."""
    for _ in range(2):
        result = llm("-u", "-m", "fs/echo", "--cache", "hi")
    assert result.err == "· fs/echo · cached just now · free\n"
    assert llm("-m", "fs/echo", "--json", "--cache", "hi").json["cache"]["saved"] is None
    assert llm("cache", "info", "--json").json["hits_unpriced"] == 2
    llm("--cache", "hi")
    llm("--cache", "hi")
    assert "saved\tat least $0.0034\n" in llm("cache", "info").text


def test_no_attempt_and_no_money_in_the_ledger(llm: Llm, server: GoodServer) -> None:
    """The turn is in the history as any other, and what was spent is spent once."""
    for _ in range(3):
        llm("--cache", "hi")
    assert len(llm.attempts()) == 1
    assert [turn["basis"] for turn in llm.turns()] == ["card", "cache", "cache"]
    assert [turn["cost"] for turn in llm.turns()] == ["0.0034", "0", "0"]
    (row,) = llm.query("SELECT sum(requests) AS calls, sum(pico) AS pico FROM spending")
    assert row == {"calls": 1, "pico": 3_400_000_000}
    shown = llm("history", "show").text
    assert "from the cache of 20" in shown
    assert "saved $0.0034" in shown
    last = llm("history", "last", "--json").json
    assert (last["cache"]["hit"], last["text"], last["cost"]) == (True, "fine", "0")


def test_a_conversation_goes_on_from_it(llm: Llm, server: GoodServer) -> None:
    """With -c the model is told what the kept reply said; the context is as full as it was."""
    llm("--cache", "one")
    conversation = llm("--cache", "--json", "one").json["conversation"]
    llm("--id", conversation, "--cache", "two")
    said = [message["content"] for message in server.requests[-1]["messages"]]
    assert said == ["one", "fine", "two"]
    assert len(server.requests) == 2
    copied = llm("history", "export", conversation).json
    assert copied["turns"][0]["cached"]["saved"]["amount"] == "0.0034"


STREAM = b"".join(
    [
        wire.event(wire.chunk({"role": "assistant", "reasoning_content": "Hm, "})),
        wire.event(wire.chunk({"reasoning_content": "so."})),
        *wire.texts(["Wörds ", "🌍 ", "x" * 9000]),
        wire.event(
            wire.chunk({
                "tool_calls": [
                    {"index": 0, "id": "c1", "function": {"name": "now", "arguments": '{"zone": '}},
                    {"index": 1, "id": "c2", "function": {"name": "rain", "arguments": ""}},
                ]
            })
        ),
        wire.event(
            wire.chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"ü"}'}}]})
        ),
        wire.ends("tool_calls"),
        wire.counts(),
        wire.DONE,
    ]
)  # fmt: skip
TOOLS = [{"name": "now", "parameters": {"type": "object"}}, {"name": "rain"}]


def test_every_part_of_an_answer_comes_again(llm: Llm) -> None:
    """Reasoning, a long text, tool calls and the reason it ended."""
    (llm.root / "tools.json").write_text(json.dumps(TOOLS))
    with ReplayServer({"/chat/completions": STREAM}) as server:
        write_card(llm, server.url)
        ask = ("-m", "fs/m", "--tools", "tools.json", "--cache", "--json", "hi")
        first, again = llm(*ask).json, llm(*ask).json
        assert len(server.asked) == 1
    for name in ("text", "reasoning", "tool_calls", "finish_reason", "exit_code"):
        assert again[name] == first[name], name
    assert again["reasoning"] == "Hm, so."
    assert [call["arguments"] for call in again["tool_calls"]] == ['{"zone": "ü"}', "{}"]
    assert len(again["text"]) > 9000


def test_what_the_provider_wants_back_goes_back(llm: Llm) -> None:
    """Signed reasoning of a kept reply is sent along by -c, as that of the first answer is."""
    cases = read_cases(Path(__file__).parent / "wire_cases" / "anthropic")
    (thinking,) = (case for case in cases if case.name == "thinking")
    with ReplayServer({"/messages": thinking.stream}) as server:
        write_card(llm, server.url, adapter="anthropic")
        for _ in range(2):
            llm("-m", "fs/m", "--cache", "six times seven?")
            llm("-m", "fs/m", "--id", llm.turns()[-1]["conversation"], "more")
        _, first, again = [body for _, body in server.asked]
    assert again == first
    assert first["messages"][1]["content"][0]["signature"] == "c2lnbmVk"


FAULTS = (
    *("http:503", "http:401", "error-body", "error-later:object", "fin", "done-only", "banner"),
    *("finish:length", "finish:content_filter", "finish:error", "finish:novel", "empty:stream"),
    *("nothing:content_filter", "nothing:refusal", "nothing:length", "cut-json:later"),
)


@pytest.mark.parametrize("trouble", FAULTS)
def test_only_whole_answers_are_kept(
    llm: Llm, faults: FaultServer, provider: Callable[..., Path], trouble: str
) -> None:
    """Errors, and what was cut, filtered, refused or empty, are asked for again."""
    provider(faults.url(trouble), retries=0)
    for count in (1, 2):
        llm("-m", "fs/m", "--cache", "hi")
        assert len(faults.requests()) == count
    assert kept(llm) == 0


def test_what_the_schema_does_not_allow_is_not_kept(llm: Llm, server: GoodServer) -> None:
    """It ended with exit 8, which is no answer to have again."""
    for model, code, asked in (("fs/m", 8, 2), ("fs/json", 0, 3)):
        schema = 'response_schema={"type": "object"}'
        for _ in range(2):
            result = llm("-m", model, "--cache", "-o", schema, "hi")
            assert result.code == code, result.err
        assert len(server.requests) == asked


def test_an_answer_with_a_key_in_it_is_not_kept(llm: Llm, server: GoodServer) -> None:
    """Nor is the prompt, or any word of a request: only its hash."""
    for words in (f"say {KEY}", "a secret prompt"):
        llm("-m", "fs/echo", "--cache", words)
    llm("-m", "fs/m", "--cache", f"do not say {KEY}", "-s", "a secret system prompt")
    data = shelf(llm).read_bytes()
    assert KEY.encode() not in data
    assert b"secret system" not in data
    assert b"a secret prompt" in data  # the model said that one
    assert kept(llm) == 2


def test_private(llm: Llm, server: GoodServer) -> None:
    """Nobody else can read it, and nothing is left beside it."""
    llm("--cache", "hi")
    assert shelf(llm).stat().st_mode & 0o777 == 0o600
    assert shelf(llm).parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in shelf(llm).parent.iterdir()] == ["replies.db"]


def test_how_old_a_reply_may_be(llm: Llm, server: GoodServer) -> None:
    """By the option, else the config, else an hour; a new reply takes the place of an old one."""
    llm("--cache", "hi")
    change(llm, "UPDATE replies SET stored = stored - 3000")
    for args, asked in (
        (["--cache=49m"], 2),
        (["--cache"], 2),
        (["--cache", "1m"], 2),
    ):
        llm(*args, "hi")
        assert len(server.requests) == asked, args
    change(llm, "UPDATE replies SET stored = stored - 7200")
    assert llm("--json", "--cache=3h", "hi").json["cache"]["hit"]
    assert not llm("--json", "--cache", "hi").json["cache"]["hit"]
    assert kept(llm) == 1


def test_a_reply_from_the_future_is_none(llm: Llm, server: GoodServer) -> None:
    """The clock was set back: nobody knows how old it is."""
    llm("--cache", "hi")
    change(llm, "UPDATE replies SET stored = stored + 100000")
    llm("--cache=9w", "hi")
    assert len(server.requests) == 2


def test_the_config_turns_it_on_for_every_one_shot(llm: Llm, server: GoodServer) -> None:
    """`--no-cache` asks anew, and so does a chat."""
    assert llm("config", "set", "cache.ttl", "30m").code == 0
    for args, asked in (([], 1), ([], 1), (["--no-cache"], 2), (["--no-log"], 3), (["-q"], 3)):
        assert llm(*args, "hi").text == "fine"
        assert len(server.requests) == asked, args
    change(llm, "UPDATE replies SET stored = stored - 2000")
    llm("hi")
    assert len(server.requests) == 4
    assert "cache.ttl\t30m\t" in llm("config", "show").text
    for _ in range(2):
        chat = llm.spawn()
        chat.expect("new conversation")
        chat.send("hi\r")
        chat.expect("fine")
        chat.sendeof()
        chat.wait()
    assert len(server.requests) == 6


def test_no_log_keeps_no_reply(llm: Llm, server: GoodServer) -> None:
    """Nor is one given: with --no-log no word of it is on the disk, before or after."""
    llm("config", "set", "cache.ttl", "30m")
    llm("--no-log", "hi")
    assert not shelf(llm).exists()
    llm("hi")
    llm("--no-log", "hi")
    assert len(server.requests) == 3


def test_nothing_is_looked_up_unless_asked(llm: Llm, server: GoodServer) -> None:
    """Without --cache no module of it is loaded and no file made."""
    for args, wanted in ((["hi"], False), (["--cache", "hi"], True)):
        done = subprocess.run(
            [sys.executable, "-c", LOADED, *args], env=llm.env, capture_output=True, check=False
        )
        assert (b"llmcli.replies" in done.stderr) is wanted
        assert shelf(llm).exists() is wanted


def variants(llm: Llm, url: str) -> dict[str, tuple[str, ...]]:
    """Ways to ask for almost the same."""
    tools = json.dumps([{**TOOLS[0], "description": "The time."}, TOOLS[1]])
    schema = json.dumps([{**TOOLS[0], "parameters": {"type": "object", "title": "x"}}, TOOLS[1]])
    for name, text in {
        "a.txt": "a",
        "b.txt": "b",
        "tools.json": json.dumps(TOOLS),
        "described.json": tools,
        "schema.json": schema,
    }.items():
        (llm.root / name).write_text(text)
    (llm.root / "b").mkdir()
    (llm.root / "b" / "a.txt").write_text("b")
    write_card(llm, url, "other", models=PRICED)
    write_card(llm, f"{url}/", "slash", models=PRICED)
    return {
        "prompt": ("hi!",),
        "system": ("hi", "-s", "Be brief."),
        "option": ("hi", "-o", "temperature=0.5"),
        "another value": ("hi", "-o", "temperature=0.25"),
        "extra": ("hi", "-o", 'extra.user="me"'),
        "model": ("hi", "-m", "fs/echo"),
        "provider": ("hi", "-m", "other/m"),
        "one piece": ("hi", "--no-stream"),
        "attachment": ("hi", "-a", "a.txt"),
        "name of it": ("hi", "-a", "b.txt"),
        "its bytes": ("hi", "-a", "b/a.txt"),
        "tools": ("hi", "--tools", "tools.json"),
        "description": ("hi", "--tools", "described.json"),
        "schema": ("hi", "--tools", "schema.json"),
        "turns before": ("hi", "--id", llm.turns()[0]["conversation"]),
    }


def test_whatever_is_sent_otherwise_is_another_request(llm: Llm, server: GoodServer) -> None:
    """Each field of the request counts, and the provider."""
    llm("--cache", "hi")
    for number, (name, args) in enumerate(variants(llm, server.url).items(), 2):
        assert llm("--cache", *args).code == 0, name
        assert len(server.requests) == number, name
    asked = len(server.requests)
    llm.env["OTHER_KEY"] = "other-key"
    for name, args in variants_again():
        llm("--cache", *args)
        assert len(server.requests) == asked, name


def variants_again() -> list[tuple[str, tuple[str, ...]]]:
    """Ways to ask for exactly the same."""
    return [
        ("the same", ("hi",)),
        ("a tag", ("hi", "--tag", "run=1")),
        ("how it is shown", ("hi", "-u", "--json")),
        ("how often it is tried", ("hi", "--retries", "0", "--deadline", "9")),
        ("the key", ("hi", "--key-env", "OTHER_KEY")),
    ]


@pytest.mark.parametrize(
    "card",
    [
        {"dialect": {"think_tags": True}},
        {"headers": {"x-team": "b"}},
        {"headers": {"x-team": "${TEAM}"}},
        {"base_url": "other"},
        {"adapter": "ollama"},
    ],
    ids=str,
)
def test_whatever_the_card_says_otherwise_is_another_request(
    llm: Llm, server: GoodServer, card: dict[str, Any]
) -> None:
    """Address, headers, dialect and adapter count too."""
    llm.env["TEAM"] = "c"
    llm("--cache", "hi")
    with GoodServer() as elsewhere:
        if card.get("base_url"):
            card = {"base_url": elsewhere.url}
        write_card(llm, **{"base_url": server.url, "models": PRICED, **card})
        result = llm("--cache", "--json", "hi")
        if "adapter" in card:  # this server does not speak it: there is no answer
            assert result.code != 0
            return
        assert not result.json["cache"]["hit"], result.err
        assert llm("--cache", "--json", "hi").json["cache"]["hit"]


def test_a_hit_needs_no_key_and_no_network(llm: Llm, server: GoodServer) -> None:
    """A kept reply is given where nothing could be asked; what is not kept says what is missing."""
    assert llm("--cache", "hi").text == "fine"
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(OSError))
        write_card(llm, server.url, models=PRICED)
    assert llm("--cache", "hi", env={"FS_KEY": None}).text == "fine"
    missing = llm("--cache", "other", env={"FS_KEY": None})
    assert missing.code == 4
    assert len(server.requests) == 1


def test_a_hit_works_when_the_server_is_gone(llm: Llm) -> None:
    """Nothing listens there any more."""
    with GoodServer() as server:
        write_card(llm, server.url, models=PRICED, retries=0)
        llm("-m", "fs/m", "--cache", "hi")
    assert llm("-m", "fs/m", "--cache", "hi").text == "fine"
    assert llm("-m", "fs/m", "hi").code == 6


def test_a_fallback_may_be_answered_from_the_cache(
    llm: Llm, faults: FaultServer, server: GoodServer
) -> None:
    """The model that failed stays in the ledger; what was kept costs nothing."""
    write_card(llm, faults.url("http:503"), "broken", retries=0)
    llm("-m", "fs/m", "--cache", "hi")
    found = llm("-m", "broken/m", "--fallback", "fs/m", "--cache", "--json", "hi").json
    assert found["cache"]["hit"] is True
    assert [entry["status"] for entry in found["attempts"]] == ["failed"]
    assert found["cost"]["basis"] == "cache"
    assert len(server.requests) == 1


def test_a_provider_that_tells_no_requests_apart(llm: Llm) -> None:
    """A stranger's whole provider is asked anew, with a warning."""
    source = Path(__file__).parent / "example_adapter" / "src"
    info = llm.root / "site" / "llmcli_shout-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: llmcli-shout\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[llmcli.adapters]\nparrot = llmcli_shout.parrot:Parrot\n"
    )
    card = llm.home / "config" / "providers" / "bird.toml"
    card.parent.mkdir(parents=True)
    card.write_text('adapter = "parrot"\n')
    env = {"PYTHONPATH": os.pathsep.join((str(source), str(info.parent)))}
    for _ in range(2):
        result = llm("-m", "bird/polly", "--cache", "hi there", env=env)
        assert (result.code, result.text) == (0, "hi there")
        assert "bird/polly is asked anew" in result.err
    (llm.root / "in.txt").write_text("\n".join("abcdef"))
    result = llm("batch", "in.txt", "-m", "bird/polly", "-j", "6", "--cache", "-o", "out", env=env)
    assert result.err.count("asked anew") == 1


def test_twenty_at_once(llm: Llm, server: GoodServer) -> None:
    """Each gets its answer, and the file is whole."""
    running = [llm.start("-m", "fs/echo", "--cache", f"hi {n % 4}") for n in range(20)]
    for number, one in enumerate(running):
        result = one.finish(60)
        assert (result.code, result.out, result.err) == (0, f"hi {number % 4}".encode(), "")
    with contextlib.closing(sqlite3.connect(shelf(llm))) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert kept(llm) == 4
    assert llm("cache", "info", "--json").json["hits"] == 20 - len(server.requests)


@fault("refuses-more")
def _refuses_more(exchange: Exchange) -> None:
    if "stream_options" in exchange.request.json:
        exchange.reply(400, error("Unsupported parameter: 'stream_options'"))
    else:
        exchange.stream(wire.answer())


def test_what_told_of_the_connection_is_not_told_again(
    llm: Llm, faults: FaultServer, provider: Callable[..., Path]
) -> None:
    """The request that was refused in part is the one that the reply is kept for."""
    provider(faults.url("refuses-more"), retries=0)
    assert "asked without it" in llm("-m", "fs/m", "--cache", "hi").err
    again = llm("-m", "fs/m", "--cache", "hi")
    assert (again.text, again.err) == (wire.TEXT, "")
    assert len(faults.requests()) == 2


@pytest.mark.parametrize("trouble", ["flaky:503", "surrogates:lone", "bad-utf8", "bytewise"])
def test_an_answer_that_came_in_the_end_is_kept(
    llm: Llm, faults: FaultServer, provider: Callable[..., Path], trouble: str
) -> None:
    """After a retry, or with damage: what was said of the answer itself is said again."""
    provider(faults.url(trouble), retries=2)
    first = llm("-m", "fs/m", "--cache", "hi")
    asked = len(faults.requests())
    again = llm("-m", "fs/m", "--cache", "hi")
    assert (again.out, again.err, again.code) == (first.out, first.err, 0)
    assert len(faults.requests()) == asked
