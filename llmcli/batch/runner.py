"""Runs the workers of a batch: each takes the next prompt from the input when it is free."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from llmcli.batch.failing import Failing
from llmcli.batch.inputs import Item
from llmcli.batch.worker import Desk, Paying, Plan, Purse, Worker
from llmcli.engines.base import Provider, Telling


class Runner:
    """Asks the items in their order, several at once; `wait` for it, then look at `trouble`.

    `trouble` is what stopped it before the end: what every prompt would meet, a budget that is
    used up, an output that cannot be written.
    """

    def __init__(
        self,
        plan: Plan,
        items: Iterator[Item],
        desk: Desk,
        tell: Callable[[str], None],
        purse: Purse | None = None,
    ) -> None:
        self.plan = plan
        self.desk = desk
        self.digest = plan.asked.digest()
        self.failing = Failing()
        spec = f"{plan.candidate.provider}/{plan.candidate.model}"
        self.paying = Paying(purse, spec, desk) if purse else None
        self._items = enumerate(items)
        self._tell = tell
        self._told: set[str] = set()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.trouble: Exception | None = None

    def start(self) -> None:
        """Let the workers begin."""
        for number in range(self.plan.workers):
            thread = threading.Thread(target=self._work, name=f"worker-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait so long at most; whether all workers are done."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0))
        return self.over

    @property
    def over(self) -> bool:
        """Whether all workers are done."""
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def running(self) -> int:
        """How many calls are on their way."""
        return self.desk.governor.running

    def stop(self, trouble: Exception | None = None) -> None:
        """Ask nothing more; calls that are on their way may end."""
        self.trouble = self.trouble or trouble
        self.desk.governor.stop()

    def _work(self) -> None:
        provider: Provider | None = None
        try:
            while (job := self._next()) is not None:
                if provider is None:
                    provider = self._open()
                    worker = Worker(self, provider)
                worker.ask(*job)
        except Exception as error:  # noqa: BLE001  whatever it is, the main thread raises it
            self.stop(error)
        finally:
            if provider is not None:
                provider.close()

    def _next(self) -> tuple[int, Item] | None:
        with self._lock:
            return None if self.desk.governor.stopped else next(self._items, None)

    def _open(self) -> Provider:
        with self._lock:  # cards and keys are read by one at a time
            provider = self.plan.candidate.open()
        if isinstance(provider, Telling):
            provider.on_headers = self.desk.governor.hear
        return provider

    def tell(self, words: str) -> None:
        """A notice that many answers have is told once."""
        with self._lock:
            new = words not in self._told and len(self._told) < 20
            self._told.add(words)
        if new:
            self._tell(words)
