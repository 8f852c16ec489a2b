"""Measure `llm batch`: 10,000 prompts, 64 workers, a server that answers after 50 ms.

    python benchmarks/batch.py [--prompts 10000] [--jobs 64] [--latency 0.05] [--rounds 3]

The ideal is prompts × latency / workers. The time is that of the whole command, start-up, ledger
and the ordered output included; of several rounds the best one, with its CPU time and peak memory.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

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

sys.path.append(str(Path(__file__).parent.parent / "tests"))

from batch_server import BatchServer


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description="Measure llm batch.")
    options.add_argument("--prompts", type=int, default=10_000)
    options.add_argument("--jobs", type=int, default=64)
    options.add_argument("--latency", type=float, default=0.05)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    llm = str(environment("ours", str(HERE.parent)).parent / "llm")
    env = {**plain_environment(), "LLMCLI_HOME": plain_environment()["HOME"]}
    folder = WORK / "batch"
    folder.mkdir(exist_ok=True)
    prompts, answers = folder / "prompts.txt", folder / "answers.jsonl"
    prompts.write_text("".join(f"What is {n} plus one?\n" for n in range(chosen.prompts)))
    sample = Sample()
    command = [llm, "batch", str(prompts), "-o", str(answers), "-m", "batch/m20000", "--json"]
    command += ["-j", str(chosen.jobs)]
    for _ in range(chosen.rounds):
        answers.unlink(missing_ok=True)
        with BatchServer(latency=chosen.latency) as server:
            write_card("batch", "openai-chat", server.url)
            run_once(command, env, sample)
            stats = server.stats()
        assert stats["distinct"] == stats["requests"] == chosen.prompts
        assert answers.read_bytes().count(b"\n") == chosen.prompts
    ideal = chosen.prompts * chosen.latency / chosen.jobs
    best = min(sample.wall)
    rows = [
        ("", "llm batch", "aim"),
        ("---",) * 3,
        (f"{chosen.prompts:,} prompts, {chosen.jobs} workers", f"{best:.1f} s", ""),
        ("to the ideal", f"{ideal:.1f} s · {ratio(best, ideal)}", "≤ 1.2 ×"),
        ("CPU for a prompt", f"{sample.least / chosen.prompts * 1000:.2f} ms", ""),
        ("peak memory", f"{max(sample.rss) / 1024:.0f} MiB", "≤ 120 MiB"),
        ("most calls at once", str(stats["high"]), f"{chosen.jobs}"),
    ]
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
