"""Asks prompts one after another over one connection, until each has its line."""

from __future__ import annotations

import random
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

from llmcli import estimate
from llmcli.batch import outputs
from llmcli.batch.books import Books
from llmcli.batch.failing import Failing, passing, stops
from llmcli.batch.governor import Governor
from llmcli.batch.inputs import Item
from llmcli.batch.journal import Asked, Sink
from llmcli.batch.tally import Tally
from llmcli.conversation import Asking, Candidate
from llmcli.engines.base import Provider, Replays
from llmcli.errors import BudgetReached, LlmError, ProviderError
from llmcli.events import Notice
from llmcli.ledger import Entry, Tags
from llmcli.messages import Request
from llmcli.turn import Turn, new_id
from llmcli.usage import Cost, Usage, cost_of
from llmcli.verdict import verdict

_LIKELY_OUTPUT = 1000  # tokens of an answer, until answers tell
_LONGEST_REST = 8.0
_LOOK_AGAIN = 0.05
_BUSY = frozenset({429, 503, 529})


class Purse(Protocol):
    """What calls are paid from; its methods may be called from any thread."""

    def take(self, amount: Decimal | None, spec: str, /) -> object:
        """Before a call of a model that probably costs so much, in USD. Raises BudgetReached."""
        ...

    def give(self, amount: Decimal | None, cost: Cost | None, guess: Decimal | None, /) -> object:
        """After it, with what it did cost, or where that is unknown probably has."""
        ...


class Plan(NamedTuple):
    """What is asked of whom: `candidate` opens a provider for each worker, `turn` is the draft.

    A failed prompt is asked `retries` times more. An answer may take `deadline` seconds.
    """

    candidate: Candidate
    asked: outputs.Asked
    turn: Turn
    tags: Tags = ()
    workers: int = 8
    retries: int = 5
    strict: bool = False
    deadline: float | None = None


class Desk(NamedTuple):
    """What the workers of a batch share."""

    sink: Sink
    books: Books
    governor: Governor
    tally: Tally


class Paying:
    """Takes from a purse for one call after another.

    While others are under way that may cost less than was taken for them, they are waited for,
    unless the batch is stopped.
    """

    def __init__(self, purse: Purse, spec: str, desk: Desk) -> None:
        self._purse = purse
        self._spec = spec
        self._books = desk.books
        self._governor = desk.governor
        self._open = 0
        self._given = 0
        self._turn = threading.Lock()
        self._changed = threading.Condition()

    def take(self, amount: Decimal | None) -> None:
        """Before a call. Raises BudgetReached."""
        with self._turn:  # where little is left, one asks for it and not all at every change
            while not self._taken(amount):
                pass

    def _taken(self, amount: Decimal | None) -> bool:
        """Whether there was enough; if not, what was under way has changed since."""
        given = self._given
        try:
            self._purse.take(amount, self._spec)
        except BudgetReached:
            with self._changed:
                while given == self._given:
                    if not self._open or self._governor.stopped:
                        raise
                    self._books.hurry()
                    self._changed.wait(_LOOK_AGAIN)
            return False
        with self._changed:
            self._open += 1
        return True

    def give(self, amount: Decimal | None, cost: Cost | None, *, charged: bool) -> None:
        """After it."""
        self._purse.give(amount, cost, amount if charged else Decimal(0))
        with self._changed:
            self._open -= 1
            self._given += 1
            self._changed.notify_all()


class Office(Protocol):
    """Where all workers belong to."""

    plan: Plan
    desk: Desk
    digest: outputs.Digest
    failing: Failing
    paying: Paying | None

    def stop(self, trouble: Exception | None = None) -> None:
        """Ask nothing more, because of this."""
        ...

    def tell(self, words: str) -> None:
        """A notice for the user, which many answers may have."""
        ...


class Worker:
    """Asks with one provider, which it does not close."""

    def __init__(self, office: Office, provider: Provider) -> None:
        self._office = office
        self._plan = office.plan
        self._desk = office.desk
        self._paying = office.paying
        self._provider = provider
        self._keeper = provider if isinstance(provider, Replays) else None
        self._weighs = office.paying is not None or office.desk.governor.counts_tokens

    def ask(self, number: int, item: Item) -> None:
        """Ask a prompt until it has its line; it gets none where the batch stops before."""
        call, governor = new_id(), self._desk.governor
        entries: list[Entry] = []
        tries, answered = 0, governor.answered
        while done := self._attempt(item, call, entries):
            turn, error = done
            if error is None or not passing(error):
                break
            helped = error.http_status == 429 and answered != governor.answered
            answered = governor.answered  # others were: so this one's turn will come
            tries += not (helped and self._plan.retries)
            if tries > self._plan.retries:
                break
            if error.http_status not in _BUSY and error.retry_after is None:
                self._rest(tries)
        else:
            return
        self._write(number, item, turn._replace(id=call, attempts=tuple(entries)), error)

    def _rest(self, tries: int) -> None:
        most = min(self._provider.card.backoff * 2 ** (tries - 1), _LONGEST_REST)
        self._desk.governor.rest(random.uniform(0, most))  # noqa: S311

    def _attempt(
        self, item: Item, call: str, entries: list[Entry]
    ) -> tuple[Turn, ProviderError | None] | None:
        """One attempt: the turn it became and its failure; None where the batch has stopped."""
        desk, governor = self._desk, self._desk.governor
        request = self._plan.asked.request_for(item)
        if self._keeper and self._keeper.replays(request):
            return self._call(item, request)
        tokens, amount = self._weight(item) if self._weighs else (0, None)
        entered = governor.enter(tokens)
        if not entered:
            return None
        try:
            amount = self._take(item, amount)
            if governor.stopped:
                self._give(amount, None, charged=False)
                return None
            desk.sink.begun(Asked(call, len(entries) + 1, time.time()))
            turn, error = self._call(item, request)
        except BudgetReached as reached:
            self._office.stop(reached)
            return None
        finally:
            governor.leave(tokens)
        self._count(turn, call, entries, amount)
        if error is None:
            governor.succeeded(tokens, _used(turn))
            return turn, None
        if error.http_status in _BUSY or error.retry_after is not None:
            governor.refused(entered, error.retry_after)
        if stops(error, governor.answered, governor.fruitless, self._plan.retries):
            self._office.stop(error)
            return None
        return turn, error

    def _take(self, item: Item, amount: Decimal | None) -> Decimal | None:
        """Pay for a call; how much. Answers that came meanwhile may tell that it is less."""
        if not self._paying:
            return None
        try:
            self._paying.take(amount)
        except BudgetReached:
            now = self._weight(item)[1]
            if amount is None or now is None or now >= amount:
                raise
            amount = now
            self._paying.take(amount)
        return amount

    def _call(self, item: Item, request: Request) -> tuple[Turn, ProviderError | None]:
        plan, provider = self._plan, self._provider
        begun = time.monotonic()
        if plan.deadline is not None:
            provider.set_deadline(plan.deadline, begun)
        candidate = plan.candidate._replace(open=lambda: provider, request=request, keep=True)
        turn = plan.turn._replace(prompt=item.prompt, conversation="batch")
        asking = Asking([candidate], turn, begun, plan.tags)
        try:
            for event in asking.events():
                if event.__class__ is Notice:
                    self._office.tell(event[0])
        except ProviderError as error:
            return asking.turn(), error
        return asking.turn(), None

    def _count(self, turn: Turn, call: str, entries: list[Entry], amount: Decimal | None) -> None:
        """Put down what the attempts of a turn used and cost."""
        desk = self._desk
        for entry in turn.attempts:
            told = entry._replace(number=len(entries) + 1)
            if entries and entry.cause == "question":
                told = told._replace(cause="retry")
            if told.cost is None and told.charged:
                told = told._replace(guess=amount)
            entries.append(told)
            desk.books.add(call, told)
            desk.tally.attempt(told)
        if self._paying:  # when the ledger knows of it: what it costs is never missed
            charged = any(entry.charged for entry in turn.attempts)
            desk.books.then(lambda: self._give(amount, turn.cost, charged=charged))

    def _give(self, amount: Decimal | None, cost: Cost | None, *, charged: bool) -> None:
        if self._paying:
            self._paying.give(amount, cost, charged=charged)

    def _write(self, number: int, item: Item, turn: Turn, error: LlmError | None) -> None:
        desk = self._desk
        code = 0
        if error is None:
            code, words = verdict(turn, strict=self._plan.strict)
            error = outputs.unmet(words) if code else None
        priced = turn._replace(cost=_sum(turn.attempts)) if turn.attempts else turn
        desk.sink.add(number, outputs.row(item, self._office.digest.of(item), priced, error, code))
        desk.tally.end(error)
        asked_again = error is not None and not code and passing(error)
        if trouble := self._office.failing.heard(error, passing=asked_again):
            self._office.stop(trouble)

    def _weight(self, item: Item) -> tuple[int, Decimal | None]:
        """About how many tokens a prompt and its answer are, and what they cost in USD."""
        plan, tally = self._plan, self._desk.tally
        count = estimate.of_text.__wrapped__  # what is asked once need not be remembered
        given = count(plan.asked.system_of(item)) + count(item.prompt)
        most = plan.asked.request.options.get("max_output_tokens")
        likely = tally.output // tally.done if tally.done and tally.output else _LIKELY_OUTPUT
        output = min(likely, most) if isinstance(most, int) else likely
        if plan.candidate.free:
            return given + output, Decimal(0)
        cost = cost_of(Usage(given, output), plan.candidate.prices, datetime.now(UTC))
        return given + output, cost.amount if cost else None


def _used(turn: Turn) -> int:
    return (turn.usage.input or 0) + (turn.usage.output or 0) if turn.usage else 0


def _sum(entries: tuple[Entry, ...]) -> Cost | None:
    """What a prompt cost with all its attempts; None where a part of it is unknown."""
    costs = [entry.cost for entry in entries if entry.charged]
    known = [cost for cost in costs if cost is not None]
    if not known or len(known) < len(costs):
        return None
    return known[-1]._replace(amount=sum((cost.amount for cost in known), Decimal(0)))
