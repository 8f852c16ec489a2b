"""Slash commands that choose the model and what is sent, the display, the editor, the clipboard."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chatting import ChatServer, Talk, reply
from support import KEY, Llm, write_card

BLOCKS = "Here:\n\n```sh\nls\n```\n\nand\n\n```\nsecond\nblock\n```\n"
OPTION = re.compile(r"^(\S+) +(.*?) +(chat|config(?:, left out)?|default) +(.+)$", re.MULTILINE)


@pytest.fixture
def chat(llm: Llm, chats: ChatServer) -> Talk:
    """A chat with the model `fs/m`."""
    return Talk(llm).begin()


def refused(chat: Talk, line: str) -> str:
    """What is said of a line that comes back to the editor, which is then cleared."""
    written = chat.say(line)
    assert "llm: " in written, written
    assert "internal error" not in written
    chat.child.sendintr()
    return written


def sent(chats: ChatServer) -> dict[str, Any]:
    """The body of the last request."""
    body: dict[str, Any] = chats.requests()[-1].json
    return body


class TestModel:
    """Any model of any provider, from the next message on."""

    @pytest.fixture
    def chat(self, llm: Llm, chats: ChatServer) -> Talk:
        """A chat that knows a second provider, with a smaller model and fewer options."""
        big = {"context": 131_072, "tools": True, "cost": {"input": 0.59, "output": 0.79}}
        models = {"big": big, "small": {"context": 4}, "old": {"retired": past()}}
        dialect = {"unsupported": ["seed", "top_p"]}
        write_card(llm, chats.base, "two", models=models, dialect=dialect)
        write_card(llm, chats.base, "keyless", key_env=["NOBODYS_KEY"])
        llm.config.write_text('[aliases]\nfast = "two/big"\n')
        return Talk(llm).begin()

    @pytest.mark.parametrize(
        ("spec", "model"), [("two/big", "big"), ("fast", "big"), ("big", "big")]
    )
    def test_switches(self, spec: str, model: str, chat: Talk, chats: ChatServer) -> None:
        """The other provider is told all that was said before."""
        chat.say("one")
        assert "two/big answers now · 131 k · $0.59/$0.79 · tools" in chat.say(f"/model {spec}")
        chat.say("two")
        assert sent(chats)["model"] == "big"
        assert [text for _, text in chats.sent()] == ["one", reply("one"), "two"]
        chat.leave()

    def test_is_kept(self, llm: Llm, chat: Talk) -> None:
        chat.say("/model two/big")
        chat.say("one")
        chat.leave()
        assert [(row["provider"], row["model"]) for row in llm.turns()] == [("two", "big")]

    def test_without_a_name_it_asks(self, chat: Talk, chats: ChatServer) -> None:
        """What is typed narrows the list; Esc leaves everything as it was."""
        chat.type("/model\r")
        chat.shows("now fs/m")
        chat.type("$0.59")
        chat.shows("$0.59")
        chat.type("\x1b[B\r")
        assert "two/big answers now" in chat.wait()
        chat.type("/model\r")
        chat.shows("now two/big")
        chat.type("\x1b")
        assert "answers" not in chat.wait()
        chat.say("hi")
        assert sent(chats)["model"] == "big"
        chat.leave()

    def test_bad(self, llm: Llm, chat: Talk, chats: ChatServer) -> None:
        """Every one is a line, and nothing changes."""
        for spec, words in (
            ("nope", 'no model, alias or provider "nope"'),
            ("two", "two has no default model"),
            ("two/", "names no model"),
            ("\x1b[200~\x1b]0;evil\x07\x1b[201~", 'no model, alias or provider "^[]0;evil^G"'),
        ):
            assert words in refused(chat, f"/model {spec}").replace("\n", " ")
        chat.say("hi")
        assert sent(chats)["model"] == "m"
        chat.leave()

    def test_an_id_that_several_have(self, llm: Llm, chat: Talk) -> None:
        again = Talk(llm, env={"NOBODYS_KEY": KEY}).begin()
        assert "offered by several providers: fs/m, keyless/m" in refused(again, "/model m")
        again.leave()

    def test_doubts(self, chat: Talk) -> None:
        """It switches and says at once why the next message may fail."""
        chat.say("a message of more than four tokens")
        for spec, words in (
            ("two/bog", 'two is not known to have bog. Did you mean "big"?'),
            ("two/old", "two/old was retired on 2020-01-01"),
            ("keyless/m", "keyless needs a key, and none was found: llm keys set keyless"),
            ("two/small", "and two/small takes 4: /clear makes room"),
        ):
            written = " ".join(chat.say(f"/model {spec}").split())
            assert f"{spec} answers now" in written
            assert words in written
        assert "llm:" not in chat.say("/model two/big")
        chat.leave()

    def test_options_it_cannot_be_sent(self, chat: Talk, chats: ChatServer) -> None:
        """They are told at once; taken away, the next message goes."""
        chat.say("/set seed 7")
        chat.say("/set temperature 0.5")
        written = chat.say("/model two/big")
        assert "two cannot send the option seed" in written
        assert "temperature" not in written
        assert "/set NAME - takes an option back" in written
        refused(chat, "hi")
        assert not chats.requests()
        chat.say("/set seed -")
        chat.say("hi")
        assert sent(chats)["temperature"] == 0.5
        assert "seed" not in sent(chats)
        chat.leave()

    def test_another_provider_is_not_sent_the_key(self, llm: Llm, chats: ChatServer) -> None:
        """`--key-env` is for the provider that the chat began with."""
        write_card(llm, chats.base, "keyless", key_env=["NOBODYS_KEY"])
        llm.env["MINE"] = "mine.CANARY.123456789"
        chat = Talk(llm, "--key-env", "MINE").begin()
        chat.say("one")
        assert chats.requests()[0].headers["authorization"] == "Bearer mine.CANARY.123456789"
        chat.say("/model keyless/m")
        assert "keyless needs a key" in refused(chat, "two")
        assert len(chats.requests()) == 1
        chat.say("/model fs/m")
        chat.say("three")
        assert len(chats.requests()) == 2
        chat.leave()


class TestSystem:
    """The system prompt is shown with where it comes from, set and taken away."""

    def test_all_of_it(self, llm: Llm, chats: ChatServer) -> None:
        llm.config.parent.mkdir(parents=True, exist_ok=True)
        llm.config.write_text('[defaults]\nsystem = "From the config."\n')
        chat = Talk(llm).begin()
        shown = chat.say("/system")
        assert "From the config." in shown
        assert str(llm.config) in shown.replace("\n", "")
        chat.say("/system Be brief.")
        assert "from the next message on" in chat.say("/system")
        chat.say("one")
        assert chats.sent()[0] == ("system", "Be brief.")
        assert "this conversation" in chat.say("/system")
        chat.say("/system -")
        assert "no system prompt" in chat.say("/system")
        chat.say("two")
        assert chats.sent()[0] == ("user", "one")
        chat.leave()

    def test_several_lines(self, chat: Talk, chats: ChatServer) -> None:
        chat.say("/system Be brief.\x1b\r\x1b\rAnd kind.")
        chat.say("one")
        assert chats.sent()[0] == ("system", "Be brief.\n\nAnd kind.")
        chat.leave()

    def test_of_a_conversation_that_goes_on(self, llm: Llm, chats: ChatServer) -> None:
        """It is shown with no escape sequence obeyed."""
        chat = Talk(llm, "-s", "Be \x1b[41mred.").begin()
        chat.say("one")
        chat.leave()
        chat = Talk(llm, "--id", llm.turns()[0]["conversation"]).begin()
        chat.send("/system")
        written = chat.written()
        assert "Be ^[[41mred." in written
        assert "this conversation" in written
        chat.leave()


class TestSet:
    """Options, as `-o` takes them."""

    def test_is_sent(self, chat: Talk, chats: ChatServer) -> None:
        for line, name, value in (
            ("temperature 0.25", "temperature", 0.25),
            ("temperature=0.5", "temperature", 0.5),
            ("temperature = 0.75", "temperature", 0.75),
            ("stop=-", "stop", ["-"]),
            ("stop -", "stop", None),
            ("stop a = b", "stop", ["a = b"]),
            ('extra.mine {"a": [1, null]}', "mine", {"a": [1, None]}),
        ):
            assert name in chat.say(f"/set {line}")
            chat.say("hi")
            assert sent(chats).get(name) == value
        chat.leave()

    def test_shows_and_takes_away(self, llm: Llm, chats: ChatServer) -> None:
        """What the config says holds again then."""
        llm.config.parent.mkdir(parents=True, exist_ok=True)
        llm.config.write_text("[defaults]\ntemperature = 0.5\ntop_k = 3\n")
        chat = Talk(llm).begin()
        assert "nothing is set in this chat" in chat.say("/set")
        assert "temperature is 0.5 (config)" in chat.say("/set temperature")
        assert "top_k is 3 (config, left out)" in chat.say("/set top_k")
        assert "seed is as the provider has it" in chat.say("/set seed")
        assert "temperature is 0.1 from the next message on" in chat.say("/set temperature 0.1")
        chat.say('/set extra.mine "x"')
        shown = chat.say("/set")
        assert "temperature is 0.1" in shown
        assert "extra.mine is x" in shown
        assert "temperature is 0.5 (config) again" in chat.say("/set -temperature")
        assert "again" in chat.say("/set extra.mine -")
        chat.say("hi")
        assert sent(chats)["temperature"] == 0.5
        assert "mine" not in sent(chats)
        chat.leave()

    def test_bad(self, chat: Talk) -> None:
        """Nothing is set, and nothing of it speaks of a command line."""
        for line, words in (
            ("temprature 1", 'temprature: unknown option. Did you mean "temperature"?'),
            ("temprature", 'temprature: unknown option. Did you mean "temperature"?'),
            ("-temprature", 'temprature: unknown option. Did you mean "temperature"?'),
            ("temperature 3", "temperature=3: must be at most 2"),
            ("temperature hot", "must be a number"),
            ("seed -", "seed is not set in this chat"),
            ("top_k 3", "fs cannot send the option top_k"),
            ("extra.x bare", "extra.x: the value must be JSON"),
            ("response_schema @nowhere", "No such file"),
            ("=", "=: unknown option"),
            ("-", "-: unknown option"),
        ):
            written = " ".join(refused(chat, f"/set {line}").split())
            assert words in written
            assert "-o " not in written
        assert "nothing is set" in chat.say("/set")
        chat.leave()

    def test_the_way_out(self, llm: Llm, chats: ChatServer) -> None:
        """Where another wire format of the provider can be sent it."""
        address = {"openai-responses": {"base_url": chats.base}}
        chats.provide(llm, adapter="anthropic", adapters=address)
        chat = Talk(llm).begin()
        written = refused(chat, "/set verbosity low").replace("\n", "")
        assert "openai-responses can: llm config set" in written
        assert "llm chat -c" in written
        chat.leave()


class TestOptions:
    """Every option that the model takes."""

    def test_table(self, llm: Llm, chats: ChatServer) -> None:
        llm.config.parent.mkdir(parents=True, exist_ok=True)
        llm.config.write_text("[defaults]\ntemperature = 0.5\ntop_k = 3\n")
        chat = Talk(llm, dimensions=(50, 200)).begin()
        chat.say("/set reasoning_effort high")
        chat.say("/set extra.mine 1")
        rows = {found[0]: found[1:] for found in OPTION.findall(chat.say("/options"))}
        assert rows["temperature"] == ("0.5", "config", "number: randomness, 0 to 2")
        assert rows["reasoning_effort"][:2] == ("high", "chat")
        assert rows["reasoning_effort"][2].startswith("none, minimal, low")
        assert rows["seed"][:2] == ("", "default")
        assert rows["top_k"][:2] == ("3", "config, left out")
        assert rows["extra.mine"][:2] == ("1", "chat")
        assert "num_ctx" not in rows
        chat.leave()

    def test_bad(self, chat: Talk) -> None:
        assert "/options takes nothing behind it" in refused(chat, "/options all")
        chat.leave()


class TestReasoning:
    """Whether it is shown, and how much of it there is."""

    @pytest.fixture
    def chat(self, llm: Llm, chats: ChatServer) -> Talk:
        chats.provide(llm, adapter="openai-chat", dialect={"effort": "reasoning"})
        return Talk(llm).begin()

    def test_effort(self, chat: Talk, chats: ChatServer) -> None:
        assert "reasoning: shown · how much is up to the model" in chat.say("/reasoning")
        assert "reasoning: shown · effort high" in chat.say("/reasoning high")
        chat.say("hi")
        assert sent(chats)["reasoning"] == {"effort": "high"}
        assert "up to the model" in chat.say("/reasoning -")
        chat.say("hi")
        assert "reasoning" not in sent(chats)
        chat.leave()

    def test_budget_takes_the_place_of_effort(self, chat: Talk, chats: ChatServer) -> None:
        for typed in ("4000", "4,000 tokens", "4k", "4.0K tokens"):
            assert "shown · effort low" in chat.say("/reasoning low")
            assert "reasoning: shown · budget in tokens 4000" in chat.say(f"/reasoning {typed}")
        chat.say("hi")
        assert sent(chats)["reasoning"] == {"max_tokens": 4000}
        assert "shown · effort none" in chat.say("/reasoning none")
        chat.leave()

    def test_shown_and_hidden(self, chat: Talk) -> None:
        assert "hmm" in chat.say("reasoning:content")
        assert "reasoning is hidden" in chat.say("/reasoning hide")
        assert "hmm" not in chat.say("reasoning:content")
        assert "reasoning: hidden" in chat.say("/reasoning")
        assert "reasoning is shown" in chat.say("/reasoning show")
        assert "hmm" in chat.say("reasoning:content")
        chat.leave()

    def test_bad(self, chat: Talk) -> None:
        for typed, words in (
            ("enormously", '"enormously" is no way to reason'),
            ("1.5", "no way to reason"),
            ("1.2345k", "no number of tokens"),
            ("1..2k", "no number of tokens"),
        ):
            assert words in refused(chat, f"/reasoning {typed}")
        assert "up to the model" in chat.say("/reasoning")
        chat.leave()

    def test_a_provider_that_takes_no_budget(self, llm: Llm, chats: ChatServer) -> None:
        chats.provide(llm)
        chat = Talk(llm).begin()
        assert "fs cannot send the option reasoning_budget" in refused(chat, "/reasoning 4k")
        chat.leave()


class TestView:
    """How answers are shown and messages are typed."""

    def test_raw(self, chat: Talk, chats: ChatServer) -> None:
        chats.page = "# Title\n\n**bold**\n"
        assert "**bold**" not in chat.say("show")
        assert "as they are sent" in chat.say("/raw")
        assert "**bold**" in chat.say("show")
        assert "as Markdown" in chat.say("/raw")
        assert "**bold**" not in chat.say("show")
        chat.leave()

    def test_multiline(self, chat: Talk, chats: ChatServer) -> None:
        """The keys change places, and back."""
        assert "Enter adds a line, Alt-Enter or Ctrl-J sends" in chat.say("/multiline")
        chat.type("one\rtwo\x1b\r")
        chat.wait()
        assert chats.sent()[-1] == ("user", "one\ntwo")
        chat.type("/multiline\x1b\r")
        assert "Enter sends" in chat.wait()
        chat.say("three")
        assert chats.sent()[-1] == ("user", "three")
        chat.leave()

    def test_bad(self, chat: Talk) -> None:
        for line in ("/raw on", "/multiline 2", "/quit now"):
            assert "takes nothing behind it" in refused(chat, line)
        chat.leave()

    def test_quit(self, chat: Talk) -> None:
        chat.type("/quit\r")
        chat.rest()
        assert chat.child.exitstatus == 0


class TestEditor:
    """What was written comes back to the prompt, and Enter sends it."""

    @pytest.fixture
    def edited(self, llm: Llm, chats: ChatServer) -> Callable[[str], Talk]:
        """A chat whose editor is this program of the shell."""

        def begin(body: str) -> Talk:
            path = llm.root / "editor"
            path.write_text(f"#!/bin/sh\n{body}\n")
            path.chmod(0o700)
            return Talk(llm, env={"EDITOR": str(path), "VISUAL": None}).begin()

        return begin

    def test_written(self, edited: Callable[[str], Talk], chats: ChatServer) -> None:
        chat = edited('printf " and\\nmore" >> "$1"')
        chat.type("/editor some words\r")
        assert "Enter sends what you wrote" in chat.wait()
        assert not chats.requests()
        chat.say("!")
        assert chats.sent() == [("user", "some words and\nmore!")]
        chat.leave()

    def test_left_as_it_was(self, edited: Callable[[str], Talk], chats: ChatServer) -> None:
        chat = edited("exit 1")
        assert "nothing was written" in chat.say("/editor some words")
        chat.say("!")
        assert chats.sent() == [("user", "some words!")]
        chat.leave()

    def test_no_editor(self, llm: Llm, chats: ChatServer) -> None:
        chat = Talk(llm, env={"EDITOR": "/nowhere/ed", "VISUAL": None}).begin()
        assert "the editor of EDITOR was not found" in refused(chat, "/editor x")
        chat.leave()


class TestCopy:
    """The last answer, a code block of it, or the whole chat, and it says how."""

    @pytest.fixture
    def chat(self, llm: Llm, chats: ChatServer) -> Iterator[Talk]:
        """A chat beside a clipboard that is a file, after an answer with two code blocks."""
        programs = llm.root / "bin"
        programs.mkdir()
        (programs / "xclip").write_text(f"#!/bin/sh\n/bin/cat > '{self.file(llm)}'\n")
        (programs / "xclip").chmod(0o700)
        chats.page = BLOCKS
        path = f"{programs}:{llm.env['PATH']}"
        env = {"PATH": path, "DISPLAY": ":7", "WAYLAND_DISPLAY": None, "SSH_CONNECTION": None}
        chat = Talk(llm, env=env).begin()
        chat.say("show me")
        yield chat
        chat.leave()

    def file(self, llm: Llm) -> Path:
        return llm.root / "clipboard"

    def test_copied(self, llm: Llm, chat: Talk) -> None:
        for line, text, words in (
            ("/copy", BLOCKS, "copied the last answer"),
            ("/copy code", "ls\n", "copied code block 1 of 2"),
            ("/copy 2", "second\nblock\n", "copied code block 2 of 2, 13 characters, by xclip"),
        ):
            assert words in chat.say(line)
            assert self.file(llm).read_bytes() == text.encode()
        assert "copied the whole chat" in chat.say("/copy all")
        assert "show me" in self.file(llm).read_text()
        assert BLOCKS in self.file(llm).read_text()

    def test_bad(self, llm: Llm, chat: Talk) -> None:
        for line, words in (
            ("/copy 3", "the last answer has 2 code blocks"),
            ("/copy 0", "the last answer has 2 code blocks"),
            ("/copy nonsense", '"nonsense" cannot be copied'),
            ("/copy ²", "cannot be copied"),
        ):
            assert words in refused(chat, line)
        assert not self.file(llm).exists()

    def test_no_code(self, chat: Talk, chats: ChatServer) -> None:
        """Nor a second block where there is one."""
        chats.page = "```\nonly\n```\n"
        chat.say("show me")
        assert "the last answer has 1 code block\n" in refused(chat, "/copy 2")
        chat.say("hi")
        assert "the last answer has no code block" in refused(chat, "/copy code")


def test_copy_by_the_terminal(llm: Llm, chats: ChatServer) -> None:
    """Where no program is, the terminal is asked, and nobody claims that it did."""
    env = {"DISPLAY": None, "WAYLAND_DISPLAY": None, "SSH_CONNECTION": "1 2 3 4"}
    chat = Talk(llm, env=env).begin()
    chat.say("hi")
    chat.send("/copy")
    written = chat.written()
    assert f"\x1b]52;c;{base64.b64encode(reply('hi').encode()).decode()}\x07" in written
    assert "by the terminal (OSC 52), if it allows that" in written
    chat.leave()


def test_nothing_to_copy_yet(chat: Talk) -> None:
    assert "/copy makes no sense yet" in refused(chat, "/copy")
    chat.leave()


def past() -> Any:
    from datetime import date

    return date(2020, 1, 1)
