"""Keep one turn within its limits: hold money for it, and stop it where it passes one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from llmcli import budgets, estimate, outlook
from llmcli.budgets import PER_CALL, Account, Claim, Standing, about, dollars
from llmcli.config import Config
from llmcli.conversation import Candidate
from llmcli.errors import BudgetReached, LocalIOError
from llmcli.events import Attempt, Event
from llmcli.ledger import Entry
from llmcli.outlook import LOOK_BACK, Outlook
from llmcli.question import Question
from llmcli.recorder import Recorder
from llmcli.running_cost import RunningCost
from llmcli.turn import Turn

MAX_COST = "--max-cost"
_told: set[str] = set()


class _Cap(NamedTuple):
    """Where a turn is stopped: what it may still cost, in USD, and `before` was spent already."""

    name: str
    limit: Decimal
    left: Decimal
    before: Decimal = Decimal(0)
    raising: str = ""

    @property
    def label(self) -> str:
        kind = "" if self.name == MAX_COST else " budget"
        return f"{self.name}{kind} of {dollars(self.limit)}"

    def error(self, facts: str, *hints: str) -> BudgetReached:
        before = f"{dollars(self.before)} spent before, " if self.before else ""
        hint = "\n".join(filter(None, (*hints, self.raising)))
        return BudgetReached(f"{self.label} reached ({before}{facts})", hint=hint, limit=self.name)


class Guard:
    """Watches over one turn; `paid` is what `--max-cost` has been used up by in turns before."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        question: Question,
        config: Config,
        recorder: Recorder,
        tell: Callable[[str], None],
        paid: Decimal = Decimal(0),
    ) -> None:
        self._limits = budgets.read(config)
        self._question = question
        self._recorder = recorder
        self._tell = tell
        self._replays = candidates[0].replays
        self._outlooks = {
            found.spec: found for found in (outlook.of_candidate(c, config) for c in candidates)
        }
        self._caps = list(self._own_caps(paid))

    def _own_caps(self, paid: Decimal) -> Iterator[_Cap]:
        """The limits that no other call has a part in."""
        most = self._question.max_cost
        if most is not None:
            yield _Cap(MAX_COST, most, most - paid, paid)
        for limit in self._limits:
            if limit.name == PER_CALL and limit.refuse is not None:
                more = budgets.raising(limit, limit.refuse)
                yield _Cap(PER_CALL, limit.refuse, limit.refuse, raising=more)

    def begin(self, turn: Turn) -> None:
        """Begin the turn in the history, with the money for it held; a kept reply costs nothing.

        Raises BudgetReached, and LocalIOError where a limit that refuses cannot be looked up.
        """
        known = [] if self._replays and self._replays() else self._counted()
        if all(one.free for one in known):
            self._caps = []
            self._recorder.begin(turn)
            return
        accounts = budgets.accounts(
            self._limits, date.today(), turn.conversation, self._question.tags
        )
        known = [self._learned(one) if accounts else one for one in known]
        least = max(one.least or Decimal(0) for one in known)
        for cap in self._caps:
            if least > cap.left:
                raise cap.error(f"the input alone {about(least)}")
        likely = max(one.likely or Decimal(0) for one in known)
        amount = min([likely, *(cap.left for cap in self._caps)])
        claim = self._claim(turn, accounts, amount, least) if accounts else None
        try:
            found = self._recorder.begin(turn, claim)
        except BaseException:  # a Ctrl-C may come when the money is held already
            if claim:
                self._recorder.disown(claim.id)
            raise
        self._heed(found, amount)

    def _counted(self) -> list[Outlook]:
        """The models that may answer, without those whose price nobody knows."""
        known = [one for one in self._outlooks.values() if one.likely is not None]
        for one in self._outlooks.values():
            if one.likely is not None:
                continue
            if self._question.max_cost is not None:
                raise budgets.unknown_price(one.spec, MAX_COST)
            self._warn(one.spec, f"{one.spec} has no known price: [budget] does not count it")
        return known

    def _learned(self, known: Outlook) -> Outlook:
        """With how long the model's answers are on the average."""
        provider, _, model = known.spec.partition("/")
        since = (date.today() - timedelta(days=LOOK_BACK)).isoformat()
        try:
            found = self._recorder.accounts().mean_output(provider, model, since)
        except LocalIOError:  # whoever holds the money says so
            found = None
        return known._replace(usual=found or known.usual)

    def _claim(
        self, turn: Turn, accounts: tuple[Account, ...], amount: Decimal, least: Decimal
    ) -> Claim:
        today = date.today().isoformat()
        tags = self._question.tags
        return Claim(turn.id, amount, accounts, today, turn.conversation, tags, least)

    def _heed(self, found: Sequence[Standing], amount: Decimal) -> None:
        """Learn where the accounts stop the turn, and say which of them are nearly used up."""
        own = [Standing(Account(limit)) for limit in self._limits if limit.name == PER_CALL]
        for one in (*own, *found):
            self._warn(one.account.limit.name, one.warning(amount))
        for one in found:
            limit, left = one.account.limit, one.left
            if limit.refuse is not None and left is not None:
                more = budgets.raising(limit, limit.refuse)
                self._caps.append(_Cap(limit.name, limit.refuse, left, one.spent, more))

    def _warn(self, name: str, words: str) -> None:
        """Once for each limit and process."""
        if words and name not in _told:
            _told.add(name)
            self._tell(words)

    def watched(self, events: Generator[Event, None, None]) -> Iterator[Event]:
        """The events of the turn, which is stopped when it passes a limit.

        Then BudgetReached is thrown into it and raised; what came in one piece is whole, though.
        """
        if not self._caps:
            return events
        return self._watch(events, min(self._caps, key=lambda cap: cap.left))

    def _watch(self, events: Generator[Event, None, None], cap: _Cap) -> Iterator[Event]:
        running = RunningCost(self._outlooks, cap.left)
        for event in events:
            yield event
            if not running.passes(event):
                continue
            facts = f"this call {about(running.amount)}"
            if self._question.stream or isinstance(event, Attempt):
                kept = "What arrived is kept: llm history last" if self._recorder.keeps else ""
                events.throw(cap.error(f"{facts}: stopped", kept))
            self._warn(cap.name, f"{cap.label} passed ({facts}): the answer came in one piece")

    def guessed(self, turn: Turn) -> Turn:
        """The turn with what its attempts of unknown cost have probably cost."""
        if all(entry.cost is not None or not entry.charged for entry in turn.attempts):
            return turn
        said = estimate.of_text(turn.text) + estimate.of_text(turn.reasoning)
        said += sum(estimate.of_text(call.arguments) for call in turn.tool_calls)
        *before, last = turn.attempts
        guesses = [self._guess(entry, 0) for entry in before] + [self._guess(last, said)]
        return turn._replace(attempts=tuple(guesses))

    def _guess(self, entry: Entry, said: int) -> Entry:
        known = self._outlooks.get(f"{entry.provider}/{entry.model}")
        if entry.cost is not None or not entry.charged or known is None:
            return entry
        return entry._replace(guess=known.guess(entry, said))

    def paid(self, turn: Turn) -> Decimal:
        """What the turn has cost, or has probably cost."""
        amounts = (
            entry.cost.amount if entry.cost else entry.guess or Decimal(0)
            for entry in self.guessed(turn).attempts
        )
        return sum(amounts, Decimal(0))
