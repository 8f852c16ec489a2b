"""Jobs at providers' batch services, as files: a later run of the command finds them again."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from llmcli.errors import ConfigError, LocalIOError
from llmcli.files import atomic_write, listed, private_dir
from llmcli.ledger import Tags
from llmcli.messages import EMPTY
from llmcli.paths import data_dir
from llmcli.sanitize import one_line
from llmcli.turn import SHORT_ID

_FORM = 1
_KEPT = 90 * 86_400.0  # seconds that a job is remembered once it is fetched
_BEGUN = 3600.0  # seconds after which files without a job are nobody's
Standing = Literal["submitting", "submitted", "fetched"]


class Lot(NamedTuple):
    """One batch at the provider: so many requests of a job, `size` bytes of them.

    `batch` is the provider's id, empty until it is known; `since` is when it was about to be made.
    """

    marker: str
    requests: int
    size: int
    since: float = 0.0
    batch: str = ""


class Job(NamedTuple):
    """What was handed over to a provider, in as many lots as its limits want; times since 1970.

    `origin` is the server it was handed to, `source` the name of the file of prompts, `output` the
    file its answers were written to, `likely` what it will probably cost in USD, if that is known.
    """

    id: str
    provider: str
    model: str
    origin: str
    created: float
    source: str
    requests: int
    lots: tuple[Lot, ...] = ()
    standing: Standing = "submitting"
    options: Mapping[str, Any] = EMPTY
    extra: Mapping[str, Any] = EMPTY
    tags: Tags = ()
    expires: float | None = None
    output: str = ""
    likely: str = ""

    @property
    def spec(self) -> str:
        """`provider/model`."""
        return f"{self.provider}/{self.model}"

    @property
    def short(self) -> str:
        """As much of the id as is needed to type it."""
        return self.id[:SHORT_ID]

    @property
    def open(self) -> bool:
        """Whether there is something left to do with it."""
        return self.standing in ("submitting", "submitted")


class Asked(NamedTuple):
    """One request of a job: the prompt's id and line, and the short name of its request."""

    id: str
    line: int
    request: str


def folder() -> Path:
    """Where the jobs are kept."""
    return data_dir() / "batches"


def path_of(job: Job) -> Path:
    """The file of a job."""
    return folder() / f"{job.id}.json"


def items_path(job: Job) -> Path:
    """The file of a job's requests, without their words."""
    return folder() / f"{job.id}.items"


def words_path(lot: Lot) -> Path:
    """The file of a lot's requests as they are handed over; gone once they are."""
    return folder() / f"{lot.marker}.requests"


def results_path(lot: Lot, number: int) -> Path:
    """The file of a lot's results while they are fetched."""
    return folder() / f"{lot.marker}.{number}.results"


def save(job: Job) -> None:
    """Write the file of a job. Raises LocalIOError."""
    value = {"form": _FORM, **job._asdict(), "lots": [lot._asdict() for lot in job.lots]}
    try:
        atomic_write(path_of(job), json.dumps(value, indent=1, default=dict).encode() + b"\n")
    except OSError as error:
        raise LocalIOError(f"{path_of(job)} cannot be written: {error.strerror}") from None


def save_items(job: Job, items: Iterable[Asked]) -> None:
    """Write the file of a job's requests. Raises OSError."""
    private_dir(folder())
    with open(items_path(job), "w", encoding="utf-8") as file:
        file.writelines(json.dumps(item) + "\n" for item in items)


def items(job: Job) -> list[Asked]:
    """The requests of a job, in the order they were handed over. Raises ConfigError."""
    try:
        with open(items_path(job), encoding="utf-8") as file:
            return [Asked(*json.loads(line)) for line in file]
    except (OSError, ValueError, TypeError):
        raise ConfigError(f"{items_path(job)} cannot be read") from None


def every() -> list[Job]:
    """All jobs, oldest first; a file that cannot be read is left out."""
    return list(_every())


def _every() -> Iterator[Job]:
    for path in listed(folder(), ".json"):
        with contextlib.suppress(ConfigError):
            yield _load(path)


def find(text: str) -> Job:
    """The job whose id begins so. Raises ConfigError."""
    begun = text.upper()
    found = [path for path in listed(folder(), ".json") if path.stem.startswith(begun) and begun]
    if len(found) == 1:
        return _load(found[0])
    known = [job.short for job in every()]
    what = "several jobs begin with" if found else "no job"
    hint = f"Jobs: {', '.join(known[-5:])}. All of them: llm batch list --all" if known else _NONE
    raise ConfigError(f'{what} "{one_line(text, 40)}"', hint=hint)


_NONE = "There is none yet: llm batch submit FILE -m SPEC"


def only(what: str) -> Job:
    """The one job that is open, where none is named. Raises ConfigError."""
    found = [job for job in every() if job.open]
    if len(found) == 1:
        return found[0]
    if not found:
        raise ConfigError("there is no job to be done", hint=_NONE)
    names = ", ".join(job.short for job in found[-5:])
    raise ConfigError(f"{len(found)} jobs are open: {names}", hint=f"Name one: llm batch {what} ID")


def forget(job: Job) -> None:
    """Remove all files of a job."""
    _remove([*folder().glob(f"{job.id}*"), folder() / f".{job.id}.json.lock"])


def tidy() -> None:
    """Remove jobs that were fetched long ago, and what a run left that was killed before its job.

    The latter are words of prompts.
    """
    ours: dict[str, list[Path]] = {}
    for path in listed(folder(), (".json", ".items", ".requests", ".results")):
        name = path.name.partition(".")[0].partition("-")[0]
        ours.setdefault(name, []).append(path)
    known = {job.id: job for job in every()}
    for name, paths in ours.items():
        job, age = known.get(name), _age(paths)
        if job and not job.open and age > _KEPT:
            forget(job)
        elif not any(path.suffix == ".json" for path in paths) and age > _BEGUN:
            _remove(paths)


def _age(paths: Iterable[Path]) -> float:
    """Seconds since one of these was written, 0 where that cannot be told."""
    try:
        return time.time() - max(path.stat().st_mtime for path in paths)
    except OSError:
        return 0.0


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()


def _load(path: Path) -> Job:
    try:
        value = json.loads(path.read_bytes())
        if value.pop("form") != _FORM:
            raise ConfigError(f"{path} is of another version of llm")
        value["lots"] = tuple(Lot(**lot) for lot in value["lots"])
        value["tags"] = tuple((str(key), str(tag)) for key, tag in value["tags"])
        return Job(**value)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise ConfigError(f"{path} is no job that can be read") from None
