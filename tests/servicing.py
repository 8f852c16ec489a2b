"""Jobs at the server of batch services: how they are handed over, fetched and looked at."""

from __future__ import annotations

import json
from typing import Any

from running import Result
from service_server import KEY, VENDORS, ServiceServer
from support import Llm, write_card

PROMPTS = "one two\nthis is wrong\nthree late four\n"


def equip(llm: Llm, server: ServiceServer) -> Llm:
    """The command, with a card for each vendor's service and a file of prompts."""
    llm.env["FS_KEY"] = KEY
    for vendor in VENDORS:
        write_card(llm, name=f"at-{vendor}", **server.card(vendor))
    (llm.root / "in.txt").write_text(PROMPTS)
    return llm


def submitted(box: Llm, vendor: str = "openai", *args: str) -> str:
    """The id of a job of the file of prompts."""
    done = box("batch", "submit", "in.txt", "-m", f"at-{vendor}/m", *args)
    assert done.code == 0, done.err
    return done.out.decode().strip()


def fetched(box: Llm, job: str, *args: str, code: int = 0) -> list[dict[str, Any]]:
    """The rows of a job once it has ended."""
    done = box("batch", "fetch", job, "-o", "out.jsonl", "--wait", *args)
    assert done.code == code, done.err
    return rows(box)


def rows(box: Llm, name: str = "out.jsonl") -> list[dict[str, Any]]:
    """The rows of an output."""
    return [json.loads(line) for line in (box.root / name).read_text().splitlines()]


def calm(box: Llm, text: str = "one two\nthree\n") -> None:
    """Prompts of which none is refused."""
    (box.root / "in.txt").write_text(text)


def one_line(done: Result, code: int, *words: str) -> None:
    """A failure with its exit code, told on stderr without a traceback or an escape sequence."""
    assert done.code == code, done.err
    for word in words:
        assert word in done.err
    assert "Traceback" not in done.err
    assert "\x1b" not in done.err
    assert KEY not in done.err + done.out.decode()
    assert done.err.count("\n") <= 3
