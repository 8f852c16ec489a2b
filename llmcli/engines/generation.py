"""One generation of the embedded engine: a thread that feeds a bounded queue."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmcli.errors import BadRequest, LlmError, TimedOut
from llmcli.sanitize import one_line

_QUEUE_LIMIT = 64
_LOOK_SECONDS = 0.1


class Generation:
    """One answer in the making, by a thread of its own.

    The engine swallows every exception of its callback, KeyboardInterrupt too, and goes on: only
    the callback's True stops it. `model` gives the loaded model and may take its time. With
    `progress` the chunks that tell how much of the prompt was read are handed on, too.
    """

    def __init__(
        self, model: Callable[[], Any], body: Mapping[str, Any], *, progress: bool = False
    ) -> None:
        self._model = model
        self._body = body
        self._progress = progress
        self._queue: queue.Queue[dict[str, Any] | Exception | None] = queue.Queue(_QUEUE_LIMIT)
        self._cancelled = False
        self._thread = threading.Thread(target=self._work, name="llm-local", daemon=True)

    def chunks(
        self, on_wait: Callable[[], None], deadline: tuple[float, float] | None
    ) -> Iterator[dict[str, Any]]:
        """The engine's chunks as they come. Raises ConfigError, BadRequest, TimedOut."""
        self._thread.start()
        while True:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                item = self._await(on_wait, deadline)
            if item is None:
                return
            if isinstance(item, LlmError):
                raise item
            if isinstance(item, Exception):
                raise BadRequest(f"the engine refused: {one_line(str(item), 300)}") from item
            yield item

    def _await(
        self, on_wait: Callable[[], None], deadline: tuple[float, float] | None
    ) -> dict[str, Any] | Exception | None:
        """The next item; short waits, because not every platform interrupts a long one."""
        while not self._cancelled:
            on_wait()
            if deadline and time.monotonic() > sum(deadline):
                raise TimedOut(f"not done within {deadline[0]:g} s, the deadline")
            with contextlib.suppress(queue.Empty):
                return self._queue.get(timeout=_LOOK_SECONDS)
        return None

    def cancel(self) -> None:
        """Have the engine stop at its next token, or within a prompt at its next batch."""
        self._cancelled = True

    def join(self, seconds: float) -> None:
        """Wait for the thread to end, but not longer."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _work(self) -> None:
        ending: Exception | None = None
        try:
            model = self._model()
            if not self._cancelled:
                model.handle_chat_completions(self._body, self._hear)
        except Exception as error:  # noqa: BLE001
            ending = error
        self._put(ending)

    def _hear(self, chunk: dict[str, Any]) -> bool:
        """Take one chunk; True tells the engine to stop. Must not raise."""
        hidden = "prompt_progress" in chunk and not self._progress
        return self._cancelled if hidden else self._put(chunk)

    def _put(self, item: dict[str, Any] | Exception | None) -> bool:
        while not self._cancelled:
            try:
                self._queue.put(item, timeout=_LOOK_SECONDS)
                return self._cancelled
            except queue.Full:
                continue
        return True
