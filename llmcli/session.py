"""A chat without a screen: what the next question carries, and the turns it goes on from."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import reduce
from typing import Any, TypeVar

from llmcli import app, registry
from llmcli.candidates import Opened, request_for
from llmcli.cards import Model
from llmcli.config import Config
from llmcli.errors import (
    AuthError,
    ConfigError,
    IncompleteError,
    LocalIOError,
    PermissionDenied,
    UsageError,
)
from llmcli.ledger import Tags
from llmcli.messages import EMPTY, Media, Request, Tool
from llmcli.meter import counted
from llmcli.plan import Plan, since_before
from llmcli.question import Question
from llmcli.recorder import Recorder
from llmcli.registry import Choice
from llmcli.render import Renderer
from llmcli.store import Store
from llmcli.turn import SUMMARISE, Conversation, Turn, context, new_id
from llmcli.usage import Bill, Spent

T = TypeVar("T")


class Session:
    """A conversation in the making; nothing it does ever deletes a turn.

    What it cannot write to the history it says through `warn`; the chat goes on all the same.
    """

    def __init__(
        self, config: Config, choice: Choice, recorder: Recorder, warn: Callable[[str], None]
    ) -> None:
        self.config = config
        self.conversation = Conversation(new_id())
        self.turns: list[Turn] = []
        self.undone: list[Turn] = []
        self.known: dict[str, Turn] = {}
        self.system: str | None = None
        self.options: Mapping[str, Any] = EMPTY
        self.extra: Mapping[str, Any] = EMPTY
        self.tools: tuple[Tool, ...] = ()
        self.attachments: list[Media] = []
        self.since: str | None = None
        self.tags: Tags = ()
        self.max_cost: Decimal | None = None
        self._paid = Decimal(0)
        self.key_env: Mapping[str, str] = EMPTY  # by provider: no other one is sent that key
        self.bills: list[Bill] = []
        self._recorder = recorder
        self._warn = warn
        self._opened: Opened = {}
        self.use(choice)

    def use(self, choice: Choice) -> None:
        """Ask this model from now on. Raises ConfigError."""
        self.model: Model = registry.card_for(choice, self.config).models[choice.model]
        self.choice = choice

    @property
    def spent(self) -> Spent:
        """What the turns so far cost."""
        return reduce(Spent.plus, (bill.cost for bill in self.bills), Spent())

    @property
    def head(self) -> str | None:
        """The turn that the next one follows."""
        return self.turns[-1].id if self.turns else None

    def next(self, prompt: str) -> Plan:
        """What asking this now would carry."""
        return Plan(self.choice, self._question(prompt, self.turns, self.since), self.turns)

    def again(self, number: int, prompt: str | None = None, choice: Choice | None = None) -> Plan:
        """What asking the turn with this index once more would carry, in its place.

        Another prompt or another model is for this one answer.
        """
        old, before = self.turns[number], self.turns[:number]
        since = since_before(self.turns[number:], self.since)
        question = self._question(old.prompt if prompt is None else prompt, before, since)
        question = question._replace(attachments=old.attachments)
        return Plan(choice or self.choice, question, before, fresh=False)

    def _question(self, prompt: str, turns: Sequence[Turn], since: str | None) -> Question:
        return Question(
            prompt=prompt,
            begun=time.monotonic(),
            system=self.system,
            attachments=tuple(self.attachments),
            options=self.options,
            extra=self.extra,
            tools=self.tools,
            conversation=self.conversation.id,
            parent=turns[-1].id if turns else None,
            since=since,
            earlier=context(turns, since),
            tags=self.tags,
            max_cost=self.max_cost,
        )

    def request(self, plan: Plan) -> Request:
        """The request that would be sent. Raises ConfigError, UsageError."""
        return request_for(plan.choice, plan.question, self.config)

    def count(self, plan: Plan) -> int | None:
        """The provider's own count of what would be sent; None where it has none.

        Raises LlmError.
        """
        request, spec = self.request(plan), plan.choice.spec
        if spec not in self._opened:
            card = registry.card_for(plan.choice, self.config)
            key_env = self.key_env.get(plan.choice.provider)
            self._opened[spec] = registry.open_provider(card, key_env)
        provider = self._opened[spec]
        provider.on_wait(lambda: None)  # it would go on keeping the turn that it answered last
        return counted(provider, request, self.tags, self._recorder.keep)

    def ask(self, prompt: str, renderer: Renderer) -> Turn:
        """Ask with what is attached; both are used up once something came back.

        Raises LlmError and Interrupted after what did come was shown and kept.
        """
        return self.go(self.next(prompt), renderer)

    def go(self, plan: Plan, renderer: Renderer) -> Turn:
        """Ask as planned. The turns it leaves behind stay in the tree. Raises as `ask` does."""
        key_env = self.key_env.get(plan.choice.provider)
        question = plan.question._replace(begun=time.monotonic(), key_env=key_env)
        prepared = app.prepare(
            [plan.choice], question, self.config, renderer, self._recorder, self._opened, self._paid
        )
        try:
            return app.answer(prepared, question, renderer, self._recorder)
        except (AuthError, PermissionDenied):
            self._opened.pop(plan.choice.spec).close()  # there may be another key next time
            raise
        finally:
            self._hear(prepared.asking.turn(), plan)
            self._paid += prepared.paid()

    def _hear(self, turn: Turn, plan: Plan) -> None:
        if turn.charged:
            self._pay(turn)
        if turn.answered:
            self.turns, self.undone = [*plan.turns, turn], []
            self.since = turn.told_from
            self.known[turn.id] = turn
            if plan.fresh:
                self.attachments = []

    def _pay(self, turn: Turn) -> None:
        self.bills.append(Bill(turn.spec, turn.usage, turn.cost))

    def summarise(self, renderer: Renderer) -> Turn:
        """Have the model sum up the conversation; from now on it is told that in its place.

        Raises as `ask` does, and IncompleteError for a summary that was cut: then all is as before.
        """
        before, options = self.turns, self.options
        plan = self.next(SUMMARISE)
        free = {name: value for name, value in options.items() if name != "response_schema"}
        question = plan.question._replace(attachments=(), options=free)
        turn = None
        try:
            turn = self.go(plan._replace(question=question, fresh=False), renderer)
        finally:
            if (turn is None or turn.told_from == turn.since) and self.turns is not before:
                self.since = self.turns[-1].since
                self._go(before)
        if turn.told_from == turn.since:
            raise IncompleteError("the summary is not whole, so nothing has changed")
        return turn

    def undo(self, count: int = 1) -> list[Turn]:
        """Step back so many turns; what was stepped over, newest first. Raises UsageError."""
        if not 0 < count <= len(self.turns):
            there = f"only {len(self.turns)} turns" if self.turns else "nothing"
            raise UsageError(f"there is {there} to undo")
        over = self.turns[-count:]
        self.known.update((turn.id, turn) for turn in over)
        self.since = since_before(over, self.since)
        self._go(self.turns[:-count])
        self.undone += reversed(over)
        return over[::-1]

    def redo(self, turn: str | None = None) -> Turn:
        """Go forward again, to one of `ways_forward`, by default the first. Raises UsageError."""
        ways = self.ways_forward()
        found = next((way for way in ways if turn in (None, way.id)), None)
        if found is None:
            raise UsageError("there is nothing to redo")
        stack = [undone for undone in self.undone if undone.id != found.id]
        if found.told_from != found.since:
            self.since = found.told_from
        self._go([*self.turns, found])
        self.undone = stack if len(stack) < len(self.undone) else []
        return found

    def ways_forward(self) -> list[Turn]:
        """The turns that follow the present one in the tree, the one undone last first."""
        head, here = self.head, self.conversation.id
        known = [turn for turn in self.known.values() if turn.parent == head]

        def others(store: Store) -> list[Turn]:
            found = (store.turn(one) for one in store.children(head, here) if one not in self.known)
            return [turn for turn in found if turn]

        last = self.undone[-1].id if self.undone else None
        ways = [*known, *(self.stored(others) or ())]
        return sorted(ways, key=lambda turn: (turn.id == last, turn.id), reverse=True)

    def _go(self, turns: list[Turn]) -> None:
        self.turns = turns
        try:
            self.stored(lambda store: store.set_head(self.conversation.id, self.head))
        except ConfigError as error:  # turns that wait to be merged
            self._warn(error.message)

    def forget(self, count: int | None = None) -> None:
        """Tell the model nothing more of the first `count` turns of the path, by default of all."""
        told = self.turns if count is None else self.turns[:count]
        self.since = told[-1].id if told else None

    def fork(self, name: str = "") -> Conversation:
        """Go on in a new conversation that shares all turns so far. Raises UsageError."""
        here, head = self.conversation.id, self.head
        forked = self.stored(lambda store: store.fork(here, head, name, self._recorder.terminal))
        self.conversation = forked or Conversation(new_id(), name=name)
        return self.conversation

    def rename(self, name: str) -> None:
        """Give the conversation a name, or take it away. Raises UsageError where it is taken."""
        name = " ".join(name.split())
        self.stored(lambda store: store.rename(self.conversation.id, name))
        self.conversation = self.conversation._replace(name=name)

    def new(self) -> None:
        """Begin another conversation with the same model, system prompt and options."""
        self.conversation = Conversation(new_id())
        self.turns, self.undone, self.known, self.attachments = [], [], {}, []
        self.since, self.bills = None, []

    def load(self, conversation: Conversation) -> str:
        """Go on in a stored conversation, with the model and settings of its last turn.

        Returns a warning where that model cannot be had, else nothing. Raises LocalIOError.
        """
        store = self._recorder.past()
        turns, told = store.path(conversation.head), store.tree(conversation.id)
        self.new()
        self.conversation, self.turns = conversation, turns
        asked = {turn.id: turn for turn in (*turns, *told)}  # a fork shares turns of another
        for turn in asked.values():
            if turn.charged:
                self._pay(turn)
        return self._settle(turns[-1]) if turns else ""

    def _settle(self, turn: Turn) -> str:
        self.system, self.since, self.tools = turn.system, turn.told_from, turn.tools
        self.options, self.extra = turn.options, turn.extra
        try:
            self.use(Choice(turn.provider, turn.model, "the conversation"))
        except ConfigError as error:
            return f"{error.message} {self.choice.spec} answers instead."
        return ""

    def stored(self, act: Callable[[Store], T]) -> T | None:
        """What the store says to this; None, after a warning, where it cannot be used.

        Raises what `act` raises except LocalIOError.
        """
        try:
            store = self._recorder.store()
            return act(store) if store else None
        except LocalIOError as error:
            self._warn(error.message)
            return None

    def close(self) -> None:
        """Let go of providers and history."""
        for provider in self._opened.values():
            provider.close()
        self._opened.clear()
        self._recorder.end()
