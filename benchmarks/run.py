"""Measure `llm` beside a bare httpx script and simonw/llm, all in one run.

    python benchmarks/run.py [--rounds 15] [--no-rival] [--markdown]

It makes two virtual environments under benchmarks/.work: one with this project as a user installs
it, one with simonw/llm. CPU times are user + system of the process, medians of interleaved rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import venv
from dataclasses import dataclass, field
from pathlib import Path

from server import Server

HERE = Path(__file__).parent
WORK = HERE / ".work"
RIVAL = "llm==0.36"
TOKENS = 20_000
SMALL = 20


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


def commands(url: str, rival: bool) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Every command to measure, by name, with its environment."""
    ours = environment("ours", str(HERE.parent))
    home = WORK / "home"
    card = home / "config" / "providers" / "bench.toml"
    card.parent.mkdir(parents=True, exist_ok=True)
    card.write_text(
        f'adapter = "openai-chat"\nbase_url = "{url}"\nkey_env = ["BENCH_KEY"]\n'
        "[models.m20000]\ncost = { input = 1, output = 2 }\n"
    )
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "BENCH_KEY": "k-123456"}
    us = {**env, "LLMCLI_HOME": str(home)}
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


def _rival(url: str, env: dict[str, str]) -> dict[str, tuple[list[str], dict[str, str]]]:
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


def measure(rounds: int, rival: bool) -> dict[str, Sample]:
    """Run every command `rounds` times, in turn, after one round to warm up."""
    server = Server()
    try:
        todo = commands(server.url, rival)
        for command, env in todo.values():
            run_once(command, env, Sample())
        samples = {name: Sample() for name in todo}
        for number in range(rounds):
            for name, (command, env) in todo.items():
                if name.endswith("large") and number >= max(3, rounds // 3):
                    continue
                run_once(command, env, samples[name])
    finally:
        server.close()
    return samples


def rows(samples: dict[str, Sample]) -> list[tuple[str, str, str, str, str]]:
    """The table: what, ours, the ratio to each of the others, the aim."""

    def per_token(who: str) -> float:
        difference = samples[f"{who} large"].seconds - samples[f"{who} small"].seconds
        return difference / (TOKENS - SMALL)

    def ratio(value: float, other: float) -> str:
        return f"{value / other:.2f} ×"

    rival = "rival small" in samples
    one, token = samples["ours small"], per_token("ours")
    bare = samples["bare small"]
    version, python = samples["version"], samples["python"]
    return [
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
            ratio(token, per_token("bare")),
            ratio(token, per_token("rival")) if rival else "–",
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
    chosen = options.parse_args()
    table = rows(measure(chosen.rounds, not chosen.no_rival))
    header = ("", "llm", "to bare httpx", "to simonw/llm", "aim")
    for line in (header, ("---",) * len(header), *table):
        print("| " + " | ".join(line) + " |")


if __name__ == "__main__":
    sys.exit(main())
