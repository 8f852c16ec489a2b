"""An application on the terminal: signals end it before they end us, mistakes are told."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

from prompt_toolkit.application import Application

from llmcli.errors import Interrupted

T = TypeVar("T")
_ENDING = ("SIGTERM", "SIGHUP")


def run(app: Application[T], failed: Callable[[Exception], None]) -> T:
    """What the application returns; the terminal is as it was before.

    `failed` gets what a key, a completer or the drawing raised, which ends nothing by itself and
    whose traceback prompt_toolkit would print. Raises what it exits with, and Interrupted when
    SIGTERM or SIGHUP came: it is raised behind the event loop, within which an exception may be
    lost.
    """
    came: list[int] = []

    def begin() -> None:
        asyncio.get_running_loop().set_exception_handler(_teller(failed))
        leave()

    def leave() -> None:
        if came and app.future and not app.future.done():
            app.exit(exception=EOFError())

    def stop(signum: int, _frame: FrameType | None) -> None:
        signal.signal(signum, signal.SIG_DFL)
        came.append(signum)
        if app.loop is not None:
            app.loop.call_soon_threadsafe(leave)

    before = {number: signal.signal(number, stop) for number in _caught()}
    try:
        return app.run(pre_run=begin)
    finally:
        for number, handler in before.items():
            if number not in came:
                signal.signal(number, handler)
        if came:
            raise Interrupted(came[0])


def _teller(
    failed: Callable[[Exception], None],
) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    def tell(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if isinstance(error := context.get("exception"), Exception):
            failed(error)

    return tell


def _caught() -> list[signal.Signals]:
    """Those of the signals that are not ignored, as they are under nohup."""
    known = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    return [number for number in known if callable(signal.getsignal(number))]
