"""Run commands in environments of their own, and take what they cost."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
import venv
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
WORK = HERE / ".work"


@dataclass
class Sample:
    """CPU and wall seconds and peak memory in KiB of several runs of one command."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
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
    def wait(self) -> float:
        """The median time until its end."""
        return statistics.median(self.wall)

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
    begun = time.perf_counter()
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
    sample.wall.append(time.perf_counter() - begun)
    sample.rss.append(usage.ru_maxrss)


def write_card(name: str, adapter: str, url: str, home: Path = WORK / "home") -> None:
    """Write the card of a provider that is the server here."""
    card = home / "config" / "providers" / f"{name}.toml"
    card.parent.mkdir(parents=True, exist_ok=True)
    card.write_text(
        f'adapter = "{adapter}"\nbase_url = "{url}"\nkey_env = ["BENCH_KEY"]\n'
        "[models.m20000]\ncost = { input = 1, output = 2 }\n"
    )


def plain_environment(home: Path = WORK / "home") -> dict[str, str]:
    """The environment variables of every command."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "BENCH_KEY": "k-123456"}


def ratio(value: float, other: float) -> str:
    """How many times the other."""
    return f"{value / other:.2f} ×"
