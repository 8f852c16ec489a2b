"""Make a ledger of many entries and time `llm usage` on it: `python big_ledger.py HOME ENTRIES`.

Two years, 20 models of 5 providers, conversations of 3, a fifth of the calls with a tag, some
failed, retried, cut, free or of unknown cost; by a generator with a fixed seed. It is made once.
The time of a run is that of the whole command, the least of three, with what its cost is measured
against: `llm --version`.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from llmcli.ledger import Entry
from llmcli.store import Store, entries, ledger_schema
from llmcli.usage import Cost, Usage

DAYS, PER_CONVERSATION = 730, 3
PROVIDERS = {"anthropic": 5, "openai": 6, "groq": 4, "lab": 3, "local": 2}  # how many models
TAGS = ((), (), (), (), (("project", "search"),), (("project", "docs"), ("team", "web")))
RUNS = (
    ("--version",),
    ("usage",),
    ("usage", "--json"),
    ("usage", "--by", "day"),
    ("usage", "--by", "day", "--json"),
    ("usage", "--by", "tag", "--json"),
    ("usage", "--by", "conversation"),
    ("usage", "--since", "7d"),
    ("usage", "--since", "12h"),
    ("usage", "--unpriced"),
)


def made(count: int, now: float) -> Iterator[tuple[str, str, Entry]]:
    """Calls with their conversations and entries, oldest first, the last one now."""
    draw = random.Random(1)
    specs = [(p, f"model-{n}") for p, models in PROVIDERS.items() for n in range(models)]
    for number in range(count):
        started = now - DAYS * 86_400 * (1 - (number + 1) / count)
        talk = number // PER_CONVERSATION
        provider, model = draw.choice(specs)
        yield f"01CALL{number:020d}", f"01TALK{talk:020d}", _entry(draw, provider, model, started)


def _entry(draw: random.Random, provider: str, model: str, started: float) -> Entry:
    failed = draw.random() < 0.02
    first = draw.lognormvariate(-0.7, 0.5)
    usage = Usage(draw.randint(50, 20_000), draw.randint(5, 2_000), draw.randint(0, 40), 0, 0)
    cost = Cost(
        Decimal(usage.input or 0) * 3 / 1_000_000 + (usage.output or 0) / Decimal(70_000), "card"
    )
    if provider == "local":
        cost = Cost(Decimal(0), "local")
    return Entry(
        1, provider, model, "failed" if failed else "complete", 503 if failed else 200,
        error_kind="server" if failed else None,
        usage=None if failed else usage,
        cost=None if failed or model == "model-2" else cost._replace(amount=round(cost.amount, 9)),
        seconds=first + draw.uniform(0.5, 20),
        started=started,
        first_token_s=None if failed else first,
        cause="retry" if draw.random() < 0.02 else "question",
        tags=draw.choice(TAGS),
    )  # fmt: skip


def make(home: Path, count: int) -> Path:
    """The history with so many entries; made beside its place, so that it is there whole."""
    path = home / "data" / "history.db"
    if path.exists():
        return path
    part = home / "making" / "history.db"
    shutil.rmtree(part.parent, ignore_errors=True)
    store = Store(part)
    db = store._db  # noqa: SLF001 (as quick as it goes: no store fills so fast)
    db.execute("PRAGMA synchronous = OFF")
    triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    db.execute("BEGIN")
    for name, _ in triggers:
        db.execute(f"DROP TRIGGER {name}")
    talks = set()
    for call, talk, entry in made(count, time.time()):
        entries.keep(db, call, [entry], talk)
        talks.add(talk)
    db.executemany(
        "INSERT INTO conversations (id, created, updated, title) VALUES (?1, 0, 0, 'about ' || ?1)",
        ((talk,) for talk in sorted(talks)),
    )
    ledger_schema.sum_up(db)
    for _, sql in triggers:
        db.execute(sql)
    db.execute("COMMIT")
    store.close()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part.rename(path)
    return path


def timed(home: Path, words: tuple[str, ...]) -> float:
    """The least of three runs of the whole command, in seconds."""
    env = {**os.environ, "LLMCLI_HOME": str(home)}
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "llmcli", *words], env=env, check=True, stdout=subprocess.DEVNULL
        )
        times.append(time.perf_counter() - begun)
    return min(times)


def main() -> None:
    """Make it, then print a line for each run."""
    home, count = Path(sys.argv[1]), int(sys.argv[2])
    path = make(home, count)
    print(f"{count:,} entries, {path.stat().st_size / 1e6:,.0f} MB")
    for words in RUNS:
        print(f"{timed(home, words):6.2f} s  llm {' '.join(words)}")


if __name__ == "__main__":
    main()
