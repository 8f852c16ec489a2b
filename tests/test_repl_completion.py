"""What is offered while a slash command is typed, how it is ranked, and how quickly."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from chatting import ChatServer, Talk, plain, reply
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from support import KEY, Llm, write_card

from llmcli import config as configs
from llmcli import registry
from llmcli.recorder import Recorder
from llmcli.repl import slash
from llmcli.repl.chat import Chat
from llmcli.repl.commands import Command, Suggestion
from llmcli.repl.completion import OFFERED, SlashCompleter, best, last_word, paths, ranked
from llmcli.repl.interrupts import Interrupts
from llmcli.repl.models import Models
from llmcli.session import Session
from llmcli.turn import Turn

KEY_SECONDS = 0.016
LIST_SECONDS = 0.05
ALL_MODELS = """
import time
from llmcli import config
from llmcli.repl.models import Models
begun = time.process_time()
rows = Models(config.load()).rows()
print(len(rows), time.process_time() - begun)
"""


@pytest.fixture
def chat(llm: Llm) -> Iterator[Chat]:
    """A chat without a screen: completion looks at the session only."""
    write_card(llm, "http://127.0.0.1:9", models={"m": {}, "big": {"context": 200_000}})
    config = configs.load()
    recorder = Recorder(config, print, enabled=False)
    session = Session(config, registry.resolve("fs/m", config), recorder, print)
    yield Chat(session, cast(Any, None), cast(Any, SimpleNamespace()), Interrupts())
    session.close()


def completions(chat: Chat, typed: str, *commands: Command) -> list[tuple[str, str]]:
    """What the line would become with each completion, and what is said of it."""
    completer = SlashCompleter(commands or slash.COMMANDS)
    completer.chat = chat
    found = completer.get_completions(Document(typed), CompleteEvent())
    return [(typed[: len(typed) + c.start_position] + c.text, c.display_meta_text) for c in found]


def lines(chat: Chat, typed: str, *commands: Command) -> list[str]:
    """The lines only."""
    return [line for line, _ in completions(chat, typed, *commands)]


def offering(*values: str, about: str = "") -> Command:
    """A command `/x` with these values."""
    rows = [Suggestion(value, about) for value in values]
    return Command("x", "VALUE", "help", lambda *_: None, suggest=lambda *_: rows)


class TestRanking:
    """A name matches when it has the characters in order; the closest first."""

    @pytest.mark.parametrize(
        ("typed", "names", "found"),
        [
            ("", ["b", "a"], ["b", "a"]),
            (
                "mod",
                ["my-odd", "a/model", "remodel", "model"],
                ["model", "a/model", "remodel", "my-odd"],
            ),
            ("set", ["settings", "set"], ["set", "settings"]),
            ("gpt4", ["gpt-oss-4", "gpt-4o", "4-gpt"], ["gpt-4o", "gpt-oss-4"]),
            ("AB", ["xab", "ab", "b-a"], ["ab", "xab"]),
            ("aa", ["a", "a-a"], ["a-a"]),
            ("straße", ["STRASSE", "strand"], ["STRASSE"]),
            ("é", ["e", "É"], ["É"]),
        ],
    )
    def test_closest_first(self, typed: str, names: list[str], found: list[str]) -> None:
        assert best(typed, names, str) == found

    def test_long_names_are_no_trap(self) -> None:
        """Linear, whatever is typed: no pattern that backtracks."""
        begun = time.perf_counter()
        best("a" * 100 + "b", ["a" * 2000] * 1000, str)
        assert time.perf_counter() - begun < 1

    def test_what_is_told_counts_less_than_a_name(self) -> None:
        rows = [Suggestion("a", "takes vision"), Suggestion("vision"), Suggestion("b", "none")]
        assert [row.value for row in ranked(rows, "vision")] == ["vision", "a"]
        assert [row.value for row in ranked(rows, "n")] == ["vision"]

    def test_at_most_so_many(self) -> None:
        rows = [Suggestion(str(number)) for number in range(1000)]
        assert len(ranked(rows, "")) == OFFERED

    @pytest.mark.parametrize("name", ["\x1b[31mred", "a\nb", "\u202eevil", f"x{KEY}"])
    def test_what_cannot_be_shown_is_not_offered(self, name: str) -> None:
        """Nor what has a key in it."""
        from llmcli.redaction import Secret

        Secret(KEY)
        assert ranked([Suggestion(name)], "") == []


class TestLine:
    """Which part of the line is completed."""

    def test_commands(self, chat: Chat) -> None:
        rows = dict(completions(chat, "/mo"))
        assert rows["/model"] == "choose who answers from now on"
        assert next(iter(rows)) == "/model"

    def test_only_those_that_make_sense_now(self, chat: Chat) -> None:
        """And again when the chat has changed."""
        assert "/copy" not in lines(chat, "/")
        turn = Turn("1", "c", "fs", "m", "hi", status="complete", text="fine")
        completer = SlashCompleter(slash.COMMANDS)
        completer.chat = chat
        for turns, there in (([], False), ([turn], True), ([], False)):
            chat.session.turns = turns
            found = completer.get_completions(Document("/cop"), CompleteEvent())
            assert ("/copy" in [c.text for c in found]) is there

    @pytest.mark.parametrize("typed", ["", "hello /", " /mo", "/etc/pas", "/nothing x", "/1"])
    def test_nothing(self, chat: Chat, typed: str) -> None:
        assert lines(chat, typed) == []

    def test_no_chat_yet(self) -> None:
        found = SlashCompleter(slash.COMMANDS).get_completions(Document("/"), CompleteEvent())
        assert list(found) == []

    def test_only_what_is_before_the_cursor_counts(self, chat: Chat) -> None:
        completer = SlashCompleter([offering("alpha")])
        completer.chat = chat
        found = completer.get_completions(Document("/x al and more", 5), CompleteEvent())
        assert [(c.text, c.start_position) for c in found] == [("alpha", -2)]

    @pytest.mark.parametrize(
        ("typed", "line"),
        [
            ("/x ", "/x one"),
            ("/X on", "/X one"),
            ("/x first on", "/x first one"),
            ("/x\n on", "/x\n one"),
        ],
    )
    def test_the_last_word(self, chat: Chat, typed: str, line: str) -> None:
        assert lines(chat, typed, offering("one")) == [line]

    def test_a_value_with_blanks(self, chat: Chat) -> None:
        """It stands for all that was typed when that has blanks too."""
        command = offering("my long name")
        assert lines(chat, "/x long", command) == ["/x my long name"]
        assert lines(chat, "/x my lo", command) == ["/x my long name"]
        assert lines(chat, "/x zz lo", command) == ["/x zz my long name"]

    def test_what_is_said_of_a_value_is_safe(self, chat: Chat) -> None:
        [(_, about)] = completions(chat, "/x ", offering("a", about="\x1b[2J\nb"))
        assert "\x1b" not in about
        assert "\n" not in about

    def test_a_long_text_is_left_alone(self, chat: Chat) -> None:
        assert lines(chat, "/x " + "word " * 1000, offering("a")) == []


class TestPaths:
    """Files and folders as a shell would complete them."""

    @pytest.fixture(autouse=True)
    def _tree(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = tmp_path / "here"
        (folder / "src" / "deep").mkdir(parents=True)
        for name in ("src/parser.py", "a b.txt", "it's.md", ".hidden", "-dash", "plain.txt"):
            (folder / name).write_text("x")
        (folder / "evil\x1b[31m").write_text("x")
        (folder / os.fsdecode(b"not-\xff-utf8")).write_text("x")
        home = tmp_path / "home with blank"
        (home / "my docs").mkdir(parents=True)
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.chdir(folder)

    @pytest.mark.parametrize(
        ("typed", "found"),
        [
            ("", ["./-dash", "'a b.txt'", "'it'\"'\"'s.md'", "plain.txt", "src/"]),
            ("pl", ["plain.txt"]),
            ("ptx", ["plain.txt"]),
            ("plain.txt sr", ["src/"]),
            ("src/", ["src/deep/", "src/parser.py"]),
            ("src/pp", ["src/parser.py"]),
            ("'a b", ["'a b.txt'"]),
            ('"a b', ["'a b.txt'"]),
            ("a\\ b", ["'a b.txt'"]),
            (".h", [".hidden"]),
            ("./", ["./-dash", "'./a b.txt'", "'./it'\"'\"'s.md'", "./plain.txt", "./src/"]),
            ("~", ["~/"]),
            ("~/", ["~/'my docs/'"]),
            ("~/'my docs/'", []),
            ("~nobody-of-that-name/", []),
            ("nowhere/", []),
            ("plain.txt/", []),
            ("x -- sr", []),
            ("\0", []),
        ],
    )
    def test_found(self, typed: str, found: list[str]) -> None:
        assert [row.value for row in paths(typed)] == found

    @pytest.mark.parametrize("typed", ["a", "it", "src/p", "-d"])
    def test_the_shell_reads_it_back(self, typed: str) -> None:
        for row in paths(typed):
            [word] = shlex.split(row.value)
            assert Path(word).exists()

    def test_folders_are_told(self) -> None:
        assert dict(paths("s")) == {"src/": "folder", "./-dash": "", "'it'\"'\"'s.md'": ""}

    def test_a_folder_may_be_typed_on(self, chat: Chat) -> None:
        """Behind the closing quote of what was taken before."""
        command = Command("x", "PATH", "help", lambda *_: None, suggest=lambda _, t: paths(t))
        (Path.home() / "my docs" / "note.txt").write_text("x")
        assert lines(chat, "/x ~/'my docs/'no", command) == ["/x ~/'my docs/note.txt'"]

    def test_a_huge_folder_does_not_stop_the_typing(self, tmp_path: Path) -> None:
        folder = tmp_path / "huge"
        folder.mkdir()
        for number in range(20_000):
            (folder / f"file-{number}").touch()
        seconds = []
        for _ in range(5):
            begun = time.perf_counter()
            assert paths(f"{folder}/fi")
            seconds.append(time.perf_counter() - begun)
        assert min(seconds) < 2 * KEY_SECONDS, seconds

    @pytest.mark.parametrize(
        ("text", "start", "word"),
        [
            ("", 0, ""),
            ("a b", 2, "b"),
            ("a ", 2, ""),
            ("'a b", 0, "a b"),
            ("x 'a'b\\ c", 2, "ab c"),
        ],
    )
    def test_last_word(self, text: str, start: int, word: str) -> None:
        assert last_word(text) == (start, word)


class TestModels:
    """Every model of a provider that can be asked, with its window, price and skills."""

    def test_rows(self, llm: Llm, monkeypatch: pytest.MonkeyPatch) -> None:
        """In columns, for a menu."""
        cost = {"input": 0.59, "output": 0.79}
        facts = {"tools": True, "reasoning": True, "input": ["text", "image", "audio"]}
        models = {
            "llama": {"context": 131_072, "cost": cost, **facts},
            "long": {"context": 1_050_000},
            "gone": {"retired": past()},
            "m": {},
        }
        write_card(llm, "http://127.0.0.1:9/v1", default_model="unlisted", models=models)
        monkeypatch.setenv("FS_KEY", KEY)
        llm.config.write_text('[aliases]\nfast = "fs/llama"\n')
        rows = dict(Models(configs.load()).rows())
        assert rows["fs/llama"] == "131 k   $0.59/$0.79  tools reasoning vision audio"
        assert rows["fast"] == f"{rows['fs/llama']}  = fs/llama"
        assert rows["fs/long"] == "1.05 M"
        assert rows["fs/m"] == rows["fs/unlisted"] == ""
        assert "fs/gone" not in rows
        assert not [spec for spec in rows if spec.startswith("openai/")]

    def test_a_broken_card_hides_no_other(self, llm: Llm) -> None:
        path = write_card(llm, "http://127.0.0.1:9/v1", key_env=None)
        (path.parent / "broken.toml").write_text("no toml")
        assert "fs/m" in dict(Models(configs.load()).rows())

    def test_quick_with_all_cards(self, llm: Llm) -> None:
        """The first time, in a process of its own, with a key for every provider."""
        from llmcli import cards

        keys = {name: "x" * 20 for card in cards.load_readable() for name in card.key_env}
        best_of = []
        for _ in range(5):
            done = subprocess.run(
                [sys.executable, "-c", ALL_MODELS],
                env={**llm.env, **keys},
                capture_output=True,
                text=True,
                check=True,
            )
            count, seconds = done.stdout.split()
            assert int(count) > 200
            best_of.append(float(seconds))
        assert min(best_of) < LIST_SECONDS, best_of


def past() -> Any:
    from datetime import date

    return date(2020, 1, 1)


@pytest.mark.parametrize(
    "typed", ["/", "/mo", "/model ", "/model del9", "/set ", "/set reas", "/copy "]
)
def test_a_key_in_a_long_chat(chat: Chat, typed: str) -> None:
    """Within the time of a frame, with 5,000 messages and the models of all cards."""
    turns = [Turn(f"{n}", "c", "fs", "m", f"question {n}", text="x" * 500) for n in range(2500)]
    chat.session.turns = [
        turn._replace(status="complete", parent=before and before.id)
        for before, turn in zip([None, *turns], turns, strict=False)
    ]
    completer = SlashCompleter(slash.COMMANDS)
    completer.chat = chat
    rows = chat.models.rows()
    rows += [Suggestion(f"fs/model-{number}", "128 k  $1/$2  tools") for number in range(1000)]
    seconds = []
    for _ in range(5):
        begun = time.perf_counter()
        assert list(completer.get_completions(Document(typed), CompleteEvent()))
        seconds.append(time.perf_counter() - begun)
    assert min(seconds) < KEY_SECONDS, seconds


class TestScreen:
    """The same on a terminal."""

    def test_menu_and_tab(self, llm: Llm, chats: ChatServer) -> None:
        """Rows show what a model can and costs; Tab takes one, Enter sends it."""
        models = {
            "m": {},
            "big": {"context": 200_000, "tools": True, "cost": {"input": 3, "output": 15}},
        }
        chats.provide(llm, models=models)
        chat = Talk(llm).begin()
        chat.type("/mod")
        chat.shows("choose who answers")
        chat.type("el ig")
        chat.shows("$3/$15")
        chat.type("\t")
        chat.shows("fs/big")
        chat.type("\r\r")
        assert "fs/big answers now" in chat.wait()
        chat.say("hi")
        chat.leave()
        assert chats.requests()[-1].json["model"] == "big"

    def test_a_hostile_model_name_styles_nothing(self, llm: Llm, chats: ChatServer) -> None:
        chats.provide(llm, models={"m": {}, "evil\x1b[41mx": {}, "evil-plain": {}})
        chat = Talk(llm).begin()
        chat.type("/model evil")
        written = chat.written("evil-plain")
        chat.child.sendintr()
        written += chat.leave()
        assert "\x1b[41m" not in written

    def test_words_are_not_commands(self, llm: Llm, chats: ChatServer) -> None:
        """Nothing opens over a prompt, nor over a path."""
        chat = Talk(llm).begin()
        answered = chat.say("/etc/hosts is a path")
        chat.leave()
        assert plain(reply("/etc/hosts is a path")) in answered
        assert "choose who" not in answered
