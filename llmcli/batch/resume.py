"""What of a batch is answered already, and what is left to ask."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from llmcli.batch.inputs import Inputs, Item
from llmcli.batch.journal import Journal
from llmcli.batch.outputs import Digest
from llmcli.errors import UsageError
from llmcli.sanitize import one_line


class Survey(NamedTuple):
    """Of `total` prompts so many were answered `before`, and `left` failed and are left so.

    `skip` are the ids of both.
    """

    total: int
    before: int
    left: int
    skip: frozenset[str]

    def pending(self, inputs: Inputs, limit: int = 0) -> Iterator[Item]:
        """The prompts that are to be asked, in their order."""
        for item in _first(inputs, limit):
            if item.id not in self.skip:
                yield item


def survey(
    inputs: Inputs, journal: Journal | None, digest: Digest, *, limit: int = 0, again: bool = False
) -> Survey:
    """Read the whole input, so that nothing wrong in it is met later; 0 is no limit.

    With `again` those that failed are to be asked once more; one that failed as another question
    is in any case. Raises UsageError, also for an answer to another question under the same id.
    """
    before: set[str] = set()
    left: set[str] = set()
    total = 0
    for item in _first(inputs, limit):
        total += 1
        place = journal.places.get(item.id) if journal else None
        if journal is None or place is None:
            continue
        same = place.request == digest.of(item)
        if not place.failed and not same:
            raise _other(journal, item)
        if not place.failed:
            before.add(item.id)
        elif same and not again:
            left.add(item.id)
        if place.line != item.line:
            journal.places[item.id] = place._replace(line=item.line)
    if not total:
        inputs.check()
    return Survey(total, len(before), len(left), frozenset(before | left))


def _first(inputs: Inputs, limit: int) -> Iterator[Item]:
    return islice(inputs.items(), limit or None)


def _other(journal: Journal, item: Item) -> UsageError:
    where = one_line(str(journal.path), 200)
    return UsageError(
        f'{where} holds the answer to another question under the id "{one_line(item.id, 40)}"'
        f" (line {item.line} of the input): other words, model or options; nothing was asked",
        hint="Go on as it was begun, or write into another file: -o FILE",
    )
