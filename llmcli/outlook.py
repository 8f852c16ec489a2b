"""What a call will probably cost, and what it has cost so far, before the provider says it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from llmcli import estimate, registry
from llmcli.config import Config
from llmcli.conversation import Candidate
from llmcli.errors import UsageError
from llmcli.forecast import longest
from llmcli.ledger import Entry
from llmcli.messages import Media, Request
from llmcli.registry import Choice
from llmcli.usage import Price, Usage, cost_of

LOOK_BACK = 60  # days whose answers tell how long the next one will be
USUAL = 1_000  # tokens: how long the answer of a model will be that has not answered yet
_PICTURE = 1_600  # tokens: what the vendors scale larger pictures down to, about
_BYTES = 50  # of any other file for a token: a guess


class Outlook(NamedTuple):
    """A request to one model: its probable `input` tokens, its `longest` answer if that is known.

    `usual` is how long an answer of the model is on the average.
    """

    spec: str
    prices: tuple[Price, ...]
    free: bool
    input: int
    longest: int | None
    usual: int = USUAL

    @property
    def least(self) -> Decimal | None:
        """What it costs without an answer, in USD; None is unknown."""
        return self.cost(Usage(self.input, 0)) if self.likely is not None else None

    @property
    def likely(self) -> Decimal | None:
        """What it will probably cost, in USD; None is unknown."""
        output = self.usual if self.longest is None else min(self.usual, self.longest)
        return self.cost(Usage(self.input, output))

    def cost(self, usage: Usage, moment: datetime | None = None) -> Decimal | None:
        """What this usage costs, by default now; what it leaves unsaid of the input is guessed."""
        if self.free:
            return Decimal(0)
        told = usage if usage.input is not None else usage._replace(input=self.input)
        found = cost_of(told, self.prices, moment or datetime.now(UTC))
        return found.amount if found else None

    def guess(self, entry: Entry, said: int) -> Decimal | None:
        """What an attempt of unknown cost has probably cost, when `said` tokens came."""
        used = entry.usage or Usage()
        moment = datetime.fromtimestamp(entry.started, UTC)
        return self.cost(used._replace(output=max(used.output or 0, said)), moment)


def of_candidate(candidate: Candidate, config: Config) -> Outlook:
    """What to expect of a model that may answer. Raises ConfigError."""
    choice = Choice(candidate.provider, candidate.model, "")
    card = registry.card_for(choice, config)
    try:
        most = longest(candidate.request, card)
    except UsageError:  # the call will say so
        most = None
    return Outlook(
        spec=choice.spec,
        prices=candidate.prices,
        free=candidate.free,
        input=input_tokens(candidate.request),
        longest=most,
    )


def input_tokens(request: Request) -> int:
    """About how many tokens a request is; of what is no text that is a guess."""
    told = estimate.of_request(request)
    if told is not None:
        return told
    messages = []
    extra = 0
    for message in request.messages:
        files = [part for part in message.parts if isinstance(part, Media)]
        extra += sum(map(_tokens, files))
        messages.append(
            message._replace(parts=tuple(p for p in message.parts if not isinstance(p, Media)))
        )
    return extra + (estimate.of_request(request._replace(messages=tuple(messages))) or 0)


def _tokens(media: Media) -> int:
    if media.media_type.startswith("image/"):
        return _PICTURE
    return len(media.data) // _BYTES
