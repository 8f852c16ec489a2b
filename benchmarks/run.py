"""Measure `llm` beside a bare httpx script and simonw/llm, all in one run.

    python benchmarks/run.py [--rounds 15] [--no-rival] [--adapters | --chat]

It makes two virtual environments under benchmarks/.work: one with this project as a user installs
it, one with simonw/llm. CPU times are user + system of the process, medians of interleaved rounds.
With --adapters it measures every wire format beside Chat Completions instead, by the least time.
With --chat it measures `llm chat` on a terminal and a history of 100,000 turns, made once.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections.abc import Callable

from chat import chat_rows
from processes import (
    HERE,
    WORK,
    Sample,
    environment,
    plain_environment,
    ratio,
    run_once,
    write_card,
)
from server import VOICES, Server

RIVAL = "llm==0.36"
TOKENS = 20_000
SMALL = 20
Commands = dict[str, tuple[list[str], dict[str, str]]]


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
    options.add_argument("--chat", action="store_true")
    chosen = options.parse_args()
    if chosen.chat:
        table = chat_rows(environment("ours", str(HERE.parent)), chosen.rounds)
    elif chosen.adapters:
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
