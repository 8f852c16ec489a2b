"""Which failures end a batch: those that every other prompt would meet, too."""

from __future__ import annotations

import threading

from llmcli.errors import LlmError, ProviderError

IN_A_ROW = 20
_LONGEST_WAIT = 600.0  # seconds; who asks for more is not waited for
_REFUSALS = 5  # besides the retries of one prompt: minutes, for the pauses double
_AGAIN = frozenset({"rate_limit", "server", "network", "timeout", "incomplete"})


def passing(error: LlmError) -> bool:
    """Whether it may go well when it is asked again."""
    return error.retryable or error.kind in _AGAIN


def stops(error: ProviderError, answered: int, fruitless: int, retries: int) -> bool:
    """Whether nothing more need be asked after this failure and so many answers.

    `fruitless` are refusals since the last answer, after each of which there was a pause.
    """
    if fruitless > retries + _REFUSALS:
        return True
    if error.kind in ("auth", "billing"):
        return True
    if error.kind in ("permission", "not_found"):
        return not answered
    return error.retry_after is not None and error.retry_after > _LONGEST_WAIT


class Failing:
    """Counts the prompts that fail one after another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._row = 0
        self._answered = False

    def heard(self, error: LlmError | None, *, passing: bool = False) -> LlmError | None:
        """A prompt was answered or has failed for good; the error to stop with, or None.

        Failures that are not `passing` belong to their prompt, and such prompts may stand together
        in the input: they stop nothing once there was an answer.
        """
        with self._lock:
            if error is None:
                self._row, self._answered = 0, True
                return None
            self._row += 1
            if self._row < IN_A_ROW or (self._answered and not passing):
                return None
        error.message = f"{self._row} prompts failed one after another: {error.message}"
        return error
