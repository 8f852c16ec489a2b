"""`llm PROMPT…` as a person or a script types it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from good_server import CODE, GoodServer
from loopback import Loopback
from support import Llm, write_card
from voices.anthropic import Anthropic

PRICED = {
    "m": {"cost": {"input": 2, "output": 10, "cache_read": 0.5}},
    "blind": {"input": ["text"]},
}


@pytest.fixture
def server(llm: Llm) -> Iterator[GoodServer]:
    """A good server that is the provider `fs`."""
    with GoodServer() as server:
        write_card(llm, server.url, models=PRICED)
        yield server


def test_words_are_the_prompt(llm: Llm, server: GoodServer) -> None:
    """Words are joined by spaces; stdout is the answer and nothing else."""
    result = llm("-m", "fs/echo", "why", "is", "the sky blue?")
    assert (result.code, result.text, result.err) == (0, "why is the sky blue?", "")


def test_ask_is_the_same(llm: Llm, server: GoodServer) -> None:
    """`llm ask` and `--` send words that look like commands or options."""
    assert llm("ask", "-m", "fs/echo", "modles").text == "modles"
    assert llm("-m", "fs/echo", "--", "--json").text == "--json"


def test_piped_text_is_context(llm: Llm, server: GoodServer) -> None:
    """Stdin comes first, a blank line between; alone it is the prompt."""
    assert llm("-m", "fs/echo", "review", input=b"a\n\tdiff\n").text == "a\n\tdiff\n\nreview"
    assert llm("-m", "fs/echo", input=b"only this\n").text == "only this\n"
    assert llm("-m", "fs/echo", "-", input=b"from stdin").text == "from stdin"


def test_system_and_options(llm: Llm, server: GoodServer) -> None:
    """They reach the request, typed."""
    options = ["-o", "temperature=0.5", "-o", "max_output_tokens=7", "-o", 'extra.x={"y":[1]}']
    assert llm("-m", "fs/m", "-s", "be brief", *options, "hi").code == 0
    body = server.requests[-1]
    assert body["messages"][0] == {"role": "system", "content": "be brief"}
    assert (body["temperature"], body["max_tokens"], body["x"]) == (0.5, 7, {"y": [1]})


def test_defaults_from_the_config(llm: Llm, server: GoodServer) -> None:
    """Config gives defaults, for all models and for one; the command line wins."""
    llm.config.parent.mkdir(parents=True, exist_ok=True)
    llm.config.write_text(
        'default_model = "quick"\n[aliases]\nquick = "fs/m"\n[defaults]\ntemperature = 1\n'
        'seed = 5\nsystem = "hello"\n[models."fs/m"]\ntemperature = 0.25\n'
    )
    assert llm("-o", "seed=6", "hi").text == "fine"
    body = server.requests[-1]
    assert (body["model"], body["temperature"], body["seed"]) == ("m", 0.25, 6)
    assert body["messages"][0]["content"] == "hello"


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("seed = 1", "seed (fs cannot send it)"),
        ('metadata = { a = "b" }', "metadata (Anthropic Messages takes only user_id"),
        ("reasoning_budget = 7", "reasoning_budget (reasoning_budget=7: must be"),
    ],
)
def test_a_default_that_cannot_be_sent_is_left_out(llm: Llm, option: str, words: str) -> None:
    """A default is for every model: one that a provider cannot take stops no call of it."""
    llm.config.parent.mkdir(parents=True)
    llm.config.write_text(f"[defaults]\ntop_k = 5\n{option}\n")
    with Loopback(lambda _: (200, Anthropic().whole())) as server:
        write_card(llm, server.url, adapter="anthropic")
        result = llm("-m", "fs/m", "--no-stream", "hi")
        quiet = llm("-m", "fs/m", "--no-stream", "-q", "hi")
        typed = llm("-m", "fs/m", "--no-stream", "-o", "seed=1", "hi")
    assert (result.code, quiet.err) == (0, "")
    assert result.err.startswith("llm: warning: left out, though the config sets it: ")
    assert result.err.count("\n") == 1
    assert words in result.err
    assert [body["top_k"] for body in server.bodies] == [5, 5]
    assert not {"seed", "metadata", "thinking"}.intersection(server.bodies[0])
    assert (typed.code, "fs cannot send the option seed" in typed.err) == (2, True)


def test_text_is_sent_as_text_whatever_its_name_says(llm: Llm, server: GoodServer) -> None:
    """A model that reads only text reads JSON, SQL, SVG and Rust."""
    write_card(llm, server.url, models={"m": {"input": ["text"]}})
    for name in ("a.json", "a.sql", "a.svg", "a.rs", "a.ts", "Makefile", "a.csv"):
        (llm.root / name).write_text("some: text")
        assert llm("-m", "fs/m", "-a", name, "what?").code == 0, name
        (message,) = server.requests[-1]["messages"]
        assert f"File {name}:" in json.dumps(message)
        assert "some: text" in json.dumps(message)


def test_ways_to_name_a_model(llm: Llm, server: GoodServer) -> None:
    """By spec, by alias, by id alone, by provider alone, by variable, and as the only one."""
    write_card(llm, server.url, models=PRICED, default_model="m")
    for args, env in (
        (["-m", "fs/m"], {}),
        (["-m", "m"], {}),
        (["-m", "fs"], {}),
        ([], {"LLM_MODEL": "fs/m"}),
        ([], {}),
    ):
        assert llm(*args, "hi", env=env).text == "fine", args


def test_no_stream_is_the_same_answer(llm: Llm, server: GoodServer) -> None:
    """The answer in one piece."""
    assert llm("-m", "fs/m", "--no-stream", "hi").text == "fine"
    assert server.requests[-1]["stream"] is False


def test_json(llm: Llm, server: GoodServer) -> None:
    """One object with everything, its names as documented."""
    result = llm("-m", "fs/m", "--json", "hi")
    value = json.loads(result.text)
    assert list(value) == [
        "type",
        "id",
        "conversation",
        "provider",
        "model",
        "text",
        "reasoning",
        "tool_calls",
        "finish_reason",
        "usage",
        "cost",
        "cache",
        "timing",
        "attempts",
        "exit_code",
    ]
    assert value["usage"] == {
        "input": 1000,
        "output": 200,
        "cache_read": 400,
        "cache_write": None,
        "reasoning": None,
    }
    assert value["cost"] == {"amount": "0.0034", "currency": "USD", "basis": "card"}
    assert (value["text"], value["finish_reason"], value["exit_code"]) == ("fine", "stop", 0)


def test_jsonl(llm: Llm, server: GoodServer) -> None:
    """One event a line; the last is the result."""
    lines = [json.loads(line) for line in llm("-m", "fs/echo", "--jsonl", "a b").text.splitlines()]
    assert [line["type"] for line in lines] == ["start", "text", "text", "usage", "result"]
    assert "".join(line["text"] for line in lines[1:3]) == lines[-1]["text"] == "a b"


def test_json_error(llm: Llm, server: GoodServer) -> None:
    """An error is an object too, and one line on stderr."""
    result = llm("-m", "fs/nope", "--json", "hi")
    value = json.loads(result.text)
    assert result.code == value["exit_code"] == 9
    assert (value["type"], value["kind"], value["http_status"]) == ("error", "not_found", 404)
    assert (value["provider"], value["model"], value["partial"]) == ("fs", "nope", False)
    assert "fs/nope" in result.err


@pytest.mark.parametrize("mode", ["--json", "--jsonl"])
@pytest.mark.parametrize(
    ("args", "code"),
    [(["-m", "nope/x"], 3), (["-m", "fs/m", "-o", "top_k=3"], 2), (["--deadline", "0"], 2)],
)
def test_json_error_before_anything_was_sent(
    llm: Llm, server: GoodServer, mode: str, args: list[str], code: int
) -> None:
    """What fails before the request is an error object, too."""
    result = llm(mode, *args, "hi")
    value = json.loads(result.text)
    assert (result.code, value["type"], value["exit_code"]) == (code, "error", code)


def test_header_from_a_variable_is_a_secret(llm: Llm, server: GoodServer) -> None:
    """Its value is masked in a dry run and not sent over plain http to another machine."""
    write_card(llm, server.url, "lab", key_env=[], headers={"x-team": "${TEAM}", "x-a": "b"})
    env = {"TEAM": "team-CANARY-1234567"}
    result = llm("-m", "lab/m", "--dry-run", "hi", env=env)
    assert "x-team: [redacted]" in result.text
    assert "x-a: b" in result.text
    assert llm("-m", "lab/m", "hi", env=env).text == "fine"
    write_card(llm, "http://10.1.2.3/v1", "lab", key_env=[], headers={"x-team": "${TEAM}"})
    result = llm("-m", "lab/m", "hi", env=env)
    assert result.code == 4
    assert "CANARY" not in result.err
    assert llm("-m", "lab/m", "hi", env={"TEAM": "caf\u00e9"}).code == 3


def test_extract(llm: Llm, server: GoodServer) -> None:
    """`-x` prints the first code block, or everything when there is none."""
    assert llm("-m", "fs/code", "-x", "hi").text == "ls | wc -l\n"
    assert llm("-m", "fs/m", "-x", "hi").text.strip() == "fine"
    assert llm("-m", "fs/code", "hi").text == CODE


def test_usage_line(llm: Llm, server: GoodServer) -> None:
    """`-u` shows tokens and cost in a pipe; an unknown price is told, never $0."""
    line = llm("-m", "fs/m", "-u", "hi").err
    assert "fs/m · 1,000 in (400 cached) · 200 out · $0.0034 · " in line
    assert "cost unknown" in llm("-m", "fs/echo", "-u", "hi").err


def test_dry_run(llm: Llm, server: GoodServer) -> None:
    """The exact request, the key masked, nothing sent."""
    result = llm("-m", "fs/m", "--dry-run", "-o", "seed=3", "hi")
    head, _, body = result.text.partition("\n\n")
    assert head.startswith(f"POST {server.url}/chat/completions\n")
    assert "authorization: [redacted]" in head
    assert json.loads(body)["seed"] == 3
    assert llm.env["FS_KEY"] not in result.text
    assert server.paths == []


def test_dry_run_needs_no_key(llm: Llm) -> None:
    """A request can be looked at before there is a key."""
    result = llm("-m", "groq/llama-3.3-70b-versatile", "--dry-run", "hi")
    assert result.code == 0
    assert "https://api.groq.com/openai/v1/chat/completions" in result.text


def test_fallback(llm: Llm, server: GoodServer) -> None:
    """The next model answers when the first one fails before its first word."""
    write_card(llm, "http://127.0.0.1:1/v1", "down", retries=0)
    result = llm("-m", "down/m", "--fallback", "fs/nope", "--fallback", "fs/m", "--json", "hi")
    value = json.loads(result.text)
    assert (result.code, value["text"]) == (0, "fine")
    attempts = [(a["provider"], a["model"], a["error_kind"]) for a in value["attempts"]]
    assert attempts == [
        ("down", "m", "network"),
        ("fs", "nope", "not_found"),
        ("fs", "m", None),
    ]


def test_fallback_that_fails_too(llm: Llm, server: GoodServer) -> None:
    """The last failure is the one that counts."""
    write_card(llm, "http://127.0.0.1:1/v1", "down", retries=0)
    assert llm("-m", "down/m", "--fallback", "fs/nope", "hi").code == 9


def test_attachments(llm: Llm, server: GoodServer, tmp_path: Path) -> None:
    """A picture goes along; a model that cannot see is not asked."""
    picture = tmp_path / "a.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    assert llm("-m", "fs/m", "-a", str(picture), "what is it?").code == 0
    content = server.requests[-1]["messages"][0]["content"]
    assert content[0]["image_url"]["url"].startswith("data:image/png;base64,")
    assert content[1] == {"type": "text", "text": "what is it?"}
    result = llm("-m", "fs/blind", "-a", str(picture), "what is it?")
    assert result.code == 2
    assert "cannot take a.png" in result.err
    assert len(server.requests) == 1


def test_text_file_goes_as_text(llm: Llm, server: GoodServer, tmp_path: Path) -> None:
    """Every model can read it, also one that cannot see."""
    (tmp_path / "a.py").write_text("x = 1\n")
    assert llm("-m", "fs/blind", "-a", str(tmp_path / "a.py"), "explain").code == 9  # no such model
    assert llm("-m", "fs/echo", "-a", str(tmp_path / "a.py"), "explain").text == (
        "File a.py:\n\nx = 1\n\n\nexplain"
    )


def test_tools(llm: Llm, server: GoodServer, tmp_path: Path) -> None:
    """Tools of a file reach the request, in either spelling."""
    tool = {"name": "f", "description": "d", "parameters": {"type": "object"}}
    file = tmp_path / "tools.json"
    for rows in ([tool], [{"type": "function", "function": tool}]):
        file.write_text(json.dumps(rows))
        assert llm("-m", "fs/m", "--tools", str(file), "-o", "tool_choice=auto", "hi").code == 0
        assert server.requests[-1]["tools"] == [{"type": "function", "function": tool}]
    file.write_text("{")
    assert llm("-m", "fs/m", "--tools", str(file), "hi").code == 2


def test_schema(llm: Llm, server: GoodServer, tmp_path: Path) -> None:
    """An answer that is not the JSON asked for is no success."""
    file = tmp_path / "schema.json"
    file.write_text('{"type": "object"}')
    option = ["-o", f"response_schema=@{file}"]
    assert llm("-m", "fs/json", *option, "hi").code == 0
    result = llm("-m", "fs/m", *option, "hi")
    assert (result.code, result.text) == (8, "fine")
    assert "not the JSON" in result.err
    file.write_text('{"type": "object", "required": ["b"]}')
    result = llm("-m", "fs/json", *option, "hi")
    assert result.code == 8
    assert 'the answer lacks "b"' in result.err


def test_history_keeps_the_exchange(llm: Llm, server: GoodServer) -> None:
    """`llm history last` shows it; so does the database, with what it cost."""
    llm("-m", "fs/m", "hi there")
    result = llm("history", "last")
    assert result.text == "fine\n"
    assert result.err == ""
    turn = json.loads(llm("history", "last", "--json").text)
    assert turn["prompt"] == "hi there"
    assert (turn["status"], turn["cost"], turn["exit_code"]) == ("complete", "0.0034", 0)
    assert [a["status"] for a in turn["attempts"]] == ["complete"]


def test_history_tells_that_stdout_failed(llm: Llm, server: GoodServer) -> None:
    """An answer that could not be written is no success in the history either."""
    assert llm("-m", "fs/m", "--json", "hi", wrap='exec "$@" > /dev/full').code == 10
    assert json.loads(llm("history", "last", "--json").text)["exit_code"] == 10


def test_history_can_be_off(llm: Llm, server: GoodServer) -> None:
    """No word is written when the config says so, only what it cost."""
    llm.config.parent.mkdir(parents=True, exist_ok=True)
    llm.config.write_text("[history]\nenabled = false\n")
    assert llm("-m", "fs/m", "a secret word").text == "fine"
    kept = b"".join(path.read_bytes() for path in llm.db.parent.iterdir())
    assert b"secret" not in kept
    assert b"fine" not in kept
    assert llm("history", "last").code == 3
    assert json.loads(llm("usage", "--json").text)["total"]["requests"] == 1


def test_commands_are_no_prompts(llm: Llm, server: GoodServer) -> None:
    """`llm chat` is not a question; behind `--` it is."""
    assert llm("chat").code == 2
    assert llm("-m", "fs/echo", "--", "chat", "about", "cats").text == "chat about cats"
    assert llm("help").code == 0


def test_mistyped_command(llm: Llm, server: GoodServer) -> None:
    """One word that is nearly a command is not sent."""
    for words in (["modles"], ["provider", "list"], ["key"], ["histroy"]):
        result = llm(*words)
        assert result.code == 2, words
        assert "Did you mean" in result.err
    assert server.paths == []


def test_help_tells_each_command_in_a_whole_line(llm: Llm) -> None:
    assert "..." not in llm("--help").text


def test_several_providers_and_no_default(llm: Llm, server: GoodServer) -> None:
    """Nothing is sent anywhere by chance."""
    write_card(llm, server.url, "other", default_model="m")
    result = llm("hi")
    assert result.code == 3
    assert "llm models default" in result.err
    assert server.paths == []


def test_ambiguous_model(llm: Llm, server: GoodServer) -> None:
    """A model that two providers have is named by both specs."""
    write_card(llm, server.url, "other", models=PRICED)
    result = llm("-m", "m", "hi")
    assert result.code == 3
    assert "fs/m, other/m" in result.err


def test_history_tells_tool_calls(llm: Llm) -> None:
    """An answer that is nothing but a call is not shown as nothing."""
    call = {"type": "tool_use", "id": "c1", "name": "get_time", "input": {"zone": "UTC"}}
    answer = {**Anthropic().whole(reason="tool_calls"), "content": [call]}
    with Loopback(lambda _: (200, answer)) as server:
        write_card(llm, server.url, adapter="anthropic")
        assert llm("-m", "fs/m", "--no-stream", "hi").code == 0
    shown = llm("history", "last")
    assert (shown.code, shown.text) == (0, "")
    assert '· tool call get_time {"zone":' in shown.err
    (kept,) = llm("history", "last", "--json").json["tool_calls"]
    assert (kept["id"], kept["name"], json.loads(kept["arguments"])) == (
        "c1", "get_time", {"zone": "UTC"},
    )  # fmt: skip


@pytest.mark.parametrize("command", ["", "ask", "providers", "providers add", "keys set", "local"])
def test_help_has_examples(llm: Llm, command: str) -> None:
    """Every help page shows how it is typed."""
    result = llm(*command.split(), "--help")
    assert result.code == 0
    assert "  llm " in result.text


def test_help_lists_exit_codes(llm: Llm) -> None:
    """The table of exit codes is in the main help."""
    from llmcli.errors import EXIT_CODES

    text = llm("--help").text
    for code, words in EXIT_CODES.items():
        assert f"{code}  {words}" in text
