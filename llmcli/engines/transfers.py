"""Weights from a file or a URL, brought beside their place; an unfinished download goes on."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from llmcli import http, origins
from llmcli.engines.packages import BLOCK, Progress
from llmcli.errors import NetworkError, UsageError
from llmcli.sanitize import one_line


def is_url(what: str) -> bool:
    """Whether this names a place on a server."""
    return "://" in what


def file_name(what: str) -> str:
    """The last piece of a path or URL."""
    return PurePosixPath(unquote(urlsplit(what).path)).name if is_url(what) else Path(what).name


def check_url(url: str) -> None:
    """Refuse a URL that is not https, or http to this machine. Raises UsageError."""
    problem = origins.problem(url)
    if problem:
        raise UsageError(f"the URL {problem}")
    if origins.is_clear(url):
        raise UsageError(
            f"{_place(url)}: weights are not fetched over plain http from another machine",
            hint="Use https, or fetch the file yourself: llm local pull ./FILE.gguf",
        )


def _place(url: str) -> str:
    """Host and file of a URL, without what may be secret in it."""
    return one_line(f"{urlsplit(url).hostname}/…/{file_name(url)}", 200)


def copy(source: Path, staging: Path, progress: Progress) -> Path:
    """Copy a file into `staging`. Raises OSError."""
    target = staging / "weights.gguf"
    with source.open("rb") as reader, target.open("wb") as file:
        total = os.fstat(reader.fileno()).st_size
        while block := reader.read(BLOCK):
            file.write(block)
            progress(file.tell(), total)
    return target


def download(url: str, staging: Path, progress: Progress) -> Path:
    """Download into a `.part` file beside `staging`, going on where an earlier try ended.

    Raises NetworkError, ProtocolError, OSError.
    """
    part = _Part.find(url, staging.parent)
    return part.path if part and part.is_whole() else _receive(url, staging.parent, part, progress)


class _Part(NamedTuple):
    """The beginning of a download.

    The file's name holds a mark of the URL and the size the server told, so that nothing else is
    ever appended to it.
    """

    path: Path
    total: int

    @staticmethod
    def name(url: str, total: int | None) -> str:
        mark = hashlib.sha256(url.encode()).hexdigest()[:16]
        return f"{mark}.{'' if total is None else total}.part"

    @classmethod
    def find(cls, url: str, folder: Path) -> _Part | None:
        for path in folder.glob(cls.name(url, None).replace("..", ".*.")):
            total = path.name.split(".")[1]
            if total.isdigit():
                return cls(path, int(total))
            path.unlink()
        return None

    def size(self) -> int:
        return self.path.stat().st_size

    def is_whole(self) -> bool:
        return self.size() >= self.total


def _receive(url: str, folder: Path, part: _Part | None, progress: Progress) -> Path:
    offset = part.size() if part else 0
    response = http.download(url, offset)
    try:
        if not response.resumed:
            offset = 0
        total = None if response.total is None else offset + response.total
        if part and part.total != total:
            part.path.unlink()
            if offset:
                return _receive(url, folder, None, progress)
        path = folder / _Part.name(url, total)
        with path.open("ab" if offset else "wb") as file:
            for chunk in response.chunks():
                file.write(chunk)
                progress(file.tell(), total)
    except NetworkError as error:
        error.hint = error.hint or "Run the same command again: it goes on where it ended."
        raise
    finally:
        response.close()
    return path
