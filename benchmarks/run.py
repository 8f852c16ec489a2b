"""Measure `llm` beside a bare httpx script and simonw/llm, all in one run.

    python benchmarks/run.py [--rounds 15] [--no-rival] [--adapters]

It makes two virtual environments under benchmarks/.work: one with this project as a user installs
it, one with simonw/llm. CPU times are user + system of the process, medians of interleaved rounds.
With --adapters it measures every wire format beside Chat Completions instead, by the least time.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from server import VOICES, Server

HERE = Path(__file__).parent
WORK = HERE / ".work"
RIVAL = "llm==0.36"
TOKENS = 20_000
SMALL = 20
Commands = dict[str, tuple[list[str], dict[str, str]]]


@dataclass
class Sample:
    """CPU seconds and peak memory in KiB of several runs of one command."""

    cpu: list[float] = field(default_factory=list)
    rss: list[int] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """The median CPU time."""
        return statistics.median(self.cpu)

    @property
    def least(self) -> float:
        """The least CPU time: what else runs on the machine only adds to it."""
        return min(self.cpu)

    @property
    def memory(self) -> float:
        """The median peak memory in MiB."""
        return statistics.median(self.rss) / 1024


def environment(name: str, *packages: str) -> Path:
    """The Python of a virtual environment with these packages, made when it is not there."""
    folder = WORK / name
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    command = [python, "-m", "pip", "install", "--quiet", "--upgrade", *packages]
    subprocess.run(command, check=True)
    return python


def run_once(command: list[str], env: dict[str, str], sample: Sample) -> None:
    """Run the command to its end and add what it cost."""
    with subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode or (not output and "-c" not in command):
            assert process.stderr
            raise SystemExit(f"{command}: {process.returncode}: {process.stderr.read()!r}")
    sample.cpu.append(usage.ru_utime + usage.ru_stime)
    sample.rss.append(usage.ru_maxrss)


def write_card(name: str, adapter: str, url: str) -> None:
    """Write the card of a provider that is the server here."""
    card = WORK / "home" / "config" / "providers" / f"{name}.toml"
    card.parent.mkdir(parents=True, exist_ok=True)
    card.write_text(
        f'adapter = "{adapter}"\nbase_url = "{url}"\nkey_env = ["BENCH_KEY"]\n'
        "[models.m20000]\ncost = { input = 1, output = 2 }\n"
    )


def plain_environment() -> dict[str, str]:
    """The environment variables of every command."""
    home = str(WORK / "home")
    return {"PATH": os.environ["PATH"], "HOME": home, "BENCH_KEY": "k-123456"}


def commands(server: Server, rival: bool) -> Commands:
    """Every command to measure, by name, with its environment."""
    ours = environment("ours", str(HERE.parent))
    url, env = server.url, plain_environment()
    write_card("bench", "openai-chat", url)
    us = {**env, "LLMCLI_HOME": env["HOME"]}
    llm = str(ours.parent / "llm")
    found = {
        "python": ([str(ours), "-c", "pass"], env),
        "version": ([llm, "--version"], us),
        "bare small": ([str(ours), str(HERE / "bare.py"), url, f"m{SMALL}"], env),
        "bare large": ([str(ours), str(HERE / "bare.py"), url, f"m{TOKENS}"], env),
        "ours small": ([llm, "-m", f"bench/m{SMALL}", "hi"], us),
        "ours large": ([llm, "-m", f"bench/m{TOKENS}", "hi"], us),
    }
    if rival:
        found |= _rival(url, env)
    return found


def adapter_commands(server: Server) -> Commands:
    """A short and a long answer in every wire format."""
    llm = str(environment("ours", str(HERE.parent)).parent / "llm")
    env = plain_environment()
    us = {**env, "LLMCLI_HOME": env["HOME"]}
    found = {}
    for name in VOICES:
        write_card(f"bench-{name}", name, server.base(name))
        for size, count in (("small", SMALL), ("large", TOKENS)):
            found[f"{name} {size}"] = ([llm, "-m", f"bench-{name}/m{count}", "hi"], us)
    return found


def _rival(url: str, env: dict[str, str]) -> Commands:
    python = environment("rival", RIVAL)
    folder = WORK / "rival-home"
    folder.mkdir(exist_ok=True)
    models = [
        f"- model_id: m{n}\n  model_name: m{n}\n  api_base: {url}\n  api_key_name: bench\n"
        for n in (SMALL, TOKENS)
    ]
    (folder / "extra-openai-models.yaml").write_text("".join(models))
    (folder / "keys.json").write_text(json.dumps({"bench": "k-123456"}))
    them = {**env, "LLM_USER_PATH": str(folder)}
    llm = str(python.parent / "llm")
    return {
        "rival small": ([llm, "-m", f"m{SMALL}", "hi"], them),
        "rival large": ([llm, "-m", f"m{TOKENS}", "hi"], them),
    }


def measure(
    rounds: int, large_rounds: int, choose: Callable[[Server], Commands]
) -> dict[str, Sample]:
    """Run every command `rounds` times, in turn, after one round to warm up."""
    server = Server()
    try:
        todo = choose(server)
        for command, env in todo.values():
            run_once(command, env, Sample())
        samples = {name: Sample() for name in todo}
        for number in range(rounds):
            for name, (command, env) in todo.items():
                if name.endswith("large") and number >= large_rounds:
                    continue
                run_once(command, env, samples[name])
    finally:
        server.close()
    return samples


def per_token(samples: dict[str, Sample], who: str) -> float:
    """CPU seconds for one more token of an answer."""
    difference = samples[f"{who} large"].seconds - samples[f"{who} small"].seconds
    return difference / (TOKENS - SMALL)


def ratio(value: float, other: float) -> str:
    """How many times the other."""
    return f"{value / other:.2f} ×"


def adapter_rows(samples: dict[str, Sample]) -> list[tuple[str, ...]]:
    """The table of the wire formats: each one's cost, and its ratio to Chat Completions."""
    first = next(iter(VOICES))
    table: list[tuple[str, ...]] = [
        ("", "one-shot, CPU", "ratio", "a streamed token, CPU", "ratio")
    ]
    for name in VOICES:
        one, token = samples[f"{name} small"].seconds, per_token(samples, name)
        once = (f"{one * 1000:.0f} ms", ratio(one, samples[f"{first} small"].seconds))
        table.append(
            (name, *once, f"{token * 1e6:.1f} µs", ratio(token, per_token(samples, first)))
        )
    return [*table, ("aim", "", "≤ 1.2 ×", "", "≤ 1.2 ×")]


def rows(samples: dict[str, Sample]) -> list[tuple[str, ...]]:
    """The table: what, ours, the ratio to each of the others, the aim."""
    rival = "rival small" in samples
    one, token = samples["ours small"], per_token(samples, "ours")
    bare = samples["bare small"]
    version, python = samples["version"], samples["python"]
    return [
        ("", "llm", "to bare httpx", "to simonw/llm", "aim"),
        (
            "one-shot, CPU",
            f"{one.seconds * 1000:.0f} ms",
            ratio(one.seconds, bare.seconds),
            ratio(one.seconds, samples["rival small"].seconds) if rival else "–",
            "≤ 1.2 × and ≤ 0.25 ×",
        ),
        (
            "a streamed token, CPU",
            f"{token * 1e6:.0f} µs",
            ratio(token, per_token(samples, "bare")),
            ratio(token, per_token(samples, "rival")) if rival else "–",
            "≤ 0.8 × and ≤ 0.1 ×",
        ),
        (
            "peak memory, one-shot",
            f"{one.memory:.0f} MiB",
            ratio(one.memory, bare.memory),
            ratio(one.memory, samples["rival small"].memory) if rival else "–",
            "≤ 1.3 ×",
        ),
        (
            "`--version`, CPU",
            f"{version.seconds * 1000:.0f} ms",
            f"{version.seconds / python.seconds:.1f} × `python -c pass`",
            "–",
            "≤ 5 × `python -c pass`",
        ),
    ]


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description="Measure llm beside others.")
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--no-rival", action="store_true")
    options.add_argument("--adapters", action="store_true")
    chosen = options.parse_args()
    if chosen.adapters:
        table = adapter_rows(measure(chosen.rounds, chosen.rounds, adapter_commands))
    else:
        large = max(3, chosen.rounds // 3)
        choose = functools.partial(commands, rival=not chosen.no_rival)
        table = rows(measure(chosen.rounds, large, choose))
    header, *lines = table
    for line in (header, ("---",) * len(header), *lines):
        print("| " + " | ".join(line) + " |")


if __name__ == "__main__":
    sys.exit(main())
