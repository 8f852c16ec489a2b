"""What a chat and a long history cost: each figure with the aim it is held to."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from on_terminal import OnTerminal
from processes import HERE, WORK, Sample, plain_environment, ratio, run_once, write_card
from server import Server

Row = tuple[str, ...]
TURNS = 100_000
PROMPTS = 10_000
KEYS = 200
SMALL, LARGE = 50, 200  # KB of Markdown
LONG_CHAT = "chat-of-5000-messages"
TYPED = "whydoesthisfunctionreturnnothing"
_WORD = re.compile(rb"word word")


class Chats:
    """Measures the command of one environment against a server, with a big history."""

    def __init__(self, python: Path, server: Server) -> None:
        self._python = str(python)
        self._llm = str(python.parent / "llm")
        self._big = WORK / "big"
        self._homes = (WORK / "home", self._big)
        for home in self._homes:
            write_card("bench", "openai-chat", server.url, home)

    def build(self) -> None:
        """Make the history of many turns, and a file of prompts that were typed once."""
        program = str(HERE / "big_store.py")
        subprocess.run([self._python, program, str(self._big), str(TURNS)], check=True)
        entries = (f"\n# 2026-01-01 00:00:00\n+what about {n}?\n" for n in range(PROMPTS))
        (self._big / "data" / "prompts").write_text("".join(entries))

    def start(self, rounds: int) -> list[Row]:
        """Until the prompt stands on the screen, beside the import of its library."""
        bare, ours = Sample(), Sample()
        for _ in range(rounds):
            command = [self._python, "-c", "import prompt_toolkit"]
            run_once(command, plain_environment(), bare)
            with self._chat("-m", "bench/m20") as chat:
                ours.wall.append(chat.wait() - chat.begun)
            ours.cpu.append(chat.cpu)
        wall, cpu = ratio(ours.wait, bare.wait), ratio(ours.seconds, bare.seconds)
        aim = "≤ 2.5 × `import prompt_toolkit`"
        return [
            ("`llm chat` to the prompt", f"{ms(ours.wait)}, {wall}", aim),
            ("`llm chat` to the prompt, CPU", f"{ms(ours.seconds)}, {cpu}", aim),
        ]

    def keys(self) -> list[Row]:
        """From a key to its letter on the screen, in a long chat."""
        with self._chat("--id", LONG_CHAT, "-m", "bench/m20", home=self._big) as chat:
            chat.wait()
            times = [chat.echo(TYPED[number % len(TYPED)]) for number in range(KEYS)]
        late = statistics.quantiles(times, n=20)[-1]
        seen = f"{ms(statistics.median(times))}, 95 % in {ms(late)}"
        return [("key to screen, 5,000 messages", seen, "≤ 16 ms")]

    def markdown(self, rounds: int) -> list[Row]:
        """CPU time of long answers, beyond that of a short one."""

        def seconds(model: str) -> float:
            found = []
            for _ in range(rounds):
                with self._chat("-m", f"bench/{model}", "go") as chat:
                    chat.wait()
                found.append(chat.cpu)
            return min(found)

        least, small, large = map(seconds, ("m1", f"markdown{SMALL}", f"markdown{LARGE}"))
        growth = f"{(large - least) / (small - least):.1f} × that of {SMALL} KB"
        aim = f"≤ 4 s, {LARGE // SMALL} ×"
        return [(f"{LARGE} KB of Markdown, CPU", f"{large:.2f} s, {growth}", aim)]

    def interrupt(self, rounds: int) -> list[Row]:
        """From Ctrl-C in an answer to the prompt."""
        times = []
        with self._chat("-m", "bench/drip20") as chat:
            chat.wait()
            for _ in range(rounds):
                chat.type("go\r")
                chat.wait(_WORD)
                begun = time.perf_counter()
                chat.type("\x03")
                times.append(chat.wait() - begun)
        return [("Ctrl-C to the prompt", ms(max(times)), "≤ 0.2 s, the worst")]

    def history(self, rounds: int) -> list[Row]:
        """Commands that look into a long history."""
        aims = {("search", "conde"): 0.2, ("list",): 0.1}
        found = []
        for words, aim in aims.items():
            sample = Sample()
            env = {**plain_environment(), "LLMCLI_HOME": str(self._big)}
            for _ in range(rounds):
                run_once([self._llm, "history", *words], env, sample)
            name = f"`llm history {words[0]}`, {TURNS:,} turns"
            found.append((name, f"{ms(sample.wait)}, CPU {ms(sample.seconds)}", f"≤ {aim} s"))
        return found

    def store(self, rounds: int) -> list[Row]:
        """Single calls to the long history, without the start of a process."""
        database = str(self._big / "data" / "history.db")
        command = [self._python, str(HERE / "store_clock.py"), database, str(rounds)]
        times = json.loads(subprocess.check_output(command))
        searches = [seconds for name, seconds in times.items() if name.startswith("search")]
        return [
            (f"the slowest search of {len(searches)}", ms(max(searches)), "≤ 0.2 s"),
            ("context of 1,000 turns", ms(times["chat-of-1000-turns"]), "≤ 20 ms"),
            ("begin and end of a turn", ms(times["turn"]), "–"),
        ]

    def _chat(self, *arguments: str, home: Path = WORK / "home") -> OnTerminal:
        env = {**plain_environment(home), "LLMCLI_HOME": str(home)}
        return OnTerminal([self._llm, "chat", *arguments], env)


def ms(seconds: float) -> str:
    """Milliseconds, to two digits at least."""
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"


def chat_rows(python: Path, rounds: int) -> list[Row]:
    """The table: what, how long, the aim."""
    server = Server()
    try:
        chats = Chats(python, server)
        chats.build()
        few = max(3, rounds // 3)
        parts: list[Callable[[], list[Row]]] = [
            lambda: chats.start(rounds),
            chats.keys,
            lambda: chats.markdown(few),
            lambda: chats.interrupt(few),
            lambda: chats.history(rounds),
            lambda: chats.store(rounds),
        ]
        return [("", "llm", "aim"), *(row for part in parts for row in part())]
    finally:
        server.close()
