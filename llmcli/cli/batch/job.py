"""One run of `llm batch`: opened, run to its end or stopped, and told of."""

from __future__ import annotations

import signal
import sys
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from llmcli import registry
from llmcli.batch import books as ledger
from llmcli.batch.books import Books
from llmcli.batch.governor import Governor
from llmcli.batch.inputs import Inputs
from llmcli.batch.journal import Journal, Stream, is_stream
from llmcli.batch.outputs import Asked
from llmcli.batch.resume import survey
from llmcli.batch.runner import Runner
from llmcli.batch.tally import Tally
from llmcli.batch.worker import Desk, Plan
from llmcli.candidates import candidate, draft
from llmcli.cli.asking import warn
from llmcli.cli.batch.progress import Bar, summary
from llmcli.config import Config
from llmcli.errors import BudgetReached, ExitCode, Interrupted, LlmError, UsageError
from llmcli.purse import Purse
from llmcli.question import Question
from llmcli.redaction import redact
from llmcli.registry import Choice
from llmcli.render.objects import Object, cost_object, dump
from llmcli.store import default_path
from llmcli.terminal import note
from llmcli.wording import count

_LOOK_SECONDS = 0.2
_GRACE = 30.0  # seconds for calls that are on their way
_SHORT_GRACE = 4.0  # for a signal that will not be repeated


class Wishes(NamedTuple):
    """What the command line asks for."""

    path: str
    output: str
    template: str
    form: str
    jobs: int
    rpm: float
    tpm: float
    max_cost: Decimal | None
    retries: int
    retry_failed: bool
    ordered: bool
    limit: int
    strict: bool
    deadline: float | None
    as_json: bool
    quiet: bool


class Job:
    """A batch that is about to run. Raises LlmError for what is known before anything is sent."""

    def __init__(self, choice: Choice, question: Question, config: Config, wishes: Wishes) -> None:
        self._wishes = wishes
        self._config = config
        self._question = question
        chosen = candidate(choice, question, config, lambda: None, self._warn)
        head = chosen.request.messages[:-1]
        self._asked = Asked(choice.provider, chosen.request._replace(messages=head))
        local = choice.provider == registry.EMBEDDED
        self._plan = Plan(
            candidate=chosen,
            asked=self._asked,
            turn=draft(question, choice, config),
            tags=question.tags,
            workers=1 if local else wishes.jobs,
            retries=wishes.retries,
            strict=wishes.strict,
            deadline=wishes.deadline,
        )
        self._stack = ExitStack()
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise

    def _open(self) -> None:
        wishes, stack = self._wishes, self._stack
        self._inputs = stack.enter_context(Inputs(wishes.path, wishes.template, wishes.form))
        self._provider_can_be_asked()
        self._journal: Journal | None = None
        if is_stream(wishes.output):
            self._inputs.check(wishes.limit)
            self._stream = Stream(wishes.output, ordered=wishes.ordered)
        else:
            path = Path(wishes.output)
            if self._inputs.same_as(path):
                raise UsageError("the answers would be written over the prompts: another -o FILE")
            if not path.exists():
                self._inputs.check(wishes.limit)
            self._journal = Journal(path)
            stack.callback(self._journal.close)
        digest = self._asked.digest()
        self._survey = survey(
            self._inputs, self._journal, digest, limit=wishes.limit, again=wishes.retry_failed
        )
        if self._journal:
            place = (self._plan.candidate.provider, self._plan.candidate.model)
            ledger.settle(self._journal, default_path(), self._plan.tags, place)

    def _provider_can_be_asked(self) -> None:
        """Meet a missing key before anything is written; nothing is sent."""
        if self._plan.candidate.provider != registry.EMBEDDED:
            self._plan.candidate.open().close()

    def run(self) -> int:
        """Ask, and tell how it went; the exit code. Raises what stopped it, Interrupted."""
        with self._stack:
            return self._run()

    def _run(self) -> int:
        wishes, journal, found = self._wishes, self._journal, self._survey
        tally = Tally(found.total, found.before, found.left)
        books = Books(default_path(), self._warn, journal.sync if journal else lambda: None)
        governor = Governor(self._plan.workers, wishes.rpm, wishes.tpm, self._backoff)
        purse = Purse(self._config, self._plan.tags, wishes.max_cost, warn=self._warn)
        items = found.pending(self._inputs, wishes.limit)
        desk = Desk(journal or self._stream, books, governor, tally)
        runner = Runner(self._plan, items, desk, self._warn, purse if purse.active else None)
        try:
            with Bar(tally, governor, quiet=wishes.quiet) as bar:
                self._await(runner, bar)
        finally:
            settled = books.close()
            purse.close()
            if journal and settled and runner.over:
                journal.settled()
        if not journal:
            self._stream.finish()
        elif wishes.ordered:
            journal.arrange()
        return self._end(tally, runner.trouble)

    def _await(self, runner: Runner, bar: Bar) -> None:
        """Until all is done; after a signal only what is on its way."""
        runner.start()
        try:
            while not runner.wait(_LOOK_SECONDS):
                bar.update()
        except Interrupted as stop:
            runner.stop()
            bar.stop()
            again = stop.signum == signal.SIGINT
            grace = _GRACE if again else _SHORT_GRACE
            running = runner.running
            if running and not self._wishes.quiet:
                words = "Ctrl-C again stops at once" if again else f"{grace:g} s for them to end"
                note(f"· stopping: {count(running, 'call')} on the way; {words}")
            runner.wait(grace)
            self._tell_stopped(bar.tally)
            raise

    def _tell_stopped(self, tally: Tally) -> None:
        if not self._wishes.quiet:
            note(f"· stopped: {summary(tally)}{self._way()}")

    def _way(self) -> str:
        return "\n· to go on, run the same command again" if self._journal else ""

    def _end(self, tally: Tally, trouble: Exception | None) -> int:
        """Tell how it ended; the exit code. Raises what stopped it."""
        wishes = self._wishes
        failed = tally.failed + tally.left
        code = ExitCode.INCOMPLETE if failed else ExitCode.OK
        if isinstance(trouble, LlmError):
            code = ExitCode(trouble.exit_code)
            self._hint(trouble)
        if not wishes.quiet:
            note(f"· {summary(tally)}")
            if failed and self._journal and trouble is None:
                note(f"· failed: {tally.reasons}; to ask them again: --retry-failed")
        if wishes.as_json:
            sys.stdout.write(dump(self._object(tally, code, trouble)))
        if trouble is not None:
            raise trouble
        return int(code)

    def _hint(self, trouble: LlmError) -> None:
        """What to type next, after what the failure itself says."""
        if self._journal:
            more = " with more to spend" if isinstance(trouble, BudgetReached) else ""
            way = f"To go on, run the same command again{more}."
            trouble.hint = f"{trouble.hint}\n{way}".strip()

    def _object(self, tally: Tally, code: int, trouble: Exception | None) -> Object:
        told = trouble if isinstance(trouble, LlmError) else None
        return {
            "type": "batch",
            "prompts": tally.total,
            "done": tally.before + tally.done,
            "done_before": tally.before,
            "failed": tally.failed + tally.left,
            "not_asked": tally.total - tally.over,
            "calls": tally.calls,
            "cost": cost_object(tally.cost),
            "cost_at_least": f"{tally.amount:f}",
            "seconds": round(tally.seconds, 3),
            "output": self._wishes.output,
            "error": {"kind": told.kind, "message": redact(told.message)} if told else None,
            "exit_code": int(code),
        }

    @property
    def _backoff(self) -> float:
        return registry.load_card(self._plan.candidate.provider).backoff

    def _warn(self, words: str) -> None:
        if not self._wishes.quiet:
            warn(words)
