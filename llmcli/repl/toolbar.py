"""The line at the bottom: the model, how full its context is, what the chat cost."""

from __future__ import annotations

from llmcli import registry
from llmcli.sanitize import one_line
from llmcli.session import Session
from llmcli.window import used
from llmcli.wording import money, short


class Toolbar:
    """The text of the toolbar, calculated anew only when the chat has changed."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._of: object = None
        self._text = ""

    def __call__(self) -> str:
        """`claude-sonnet-4-6 · 12.4 k / 200 k (6 %) · $0.0512 this chat`."""
        chat = self._session
        state = (chat.choice, chat.head, chat.since, len(chat.bills), len(chat.attachments))
        if state != self._of:
            self._of, self._text = state, self._made()
        return self._text

    def _made(self) -> str:
        chat = self._session
        facts = [one_line(chat.choice.model, 60), self._filled(), spent_words(chat)]
        if chat.attachments:
            facts.append(f"{len(chat.attachments)} queued")
        return " · ".join(facts)

    def _filled(self) -> str:
        chat = self._session
        tokens, window = used(chat.turns, chat.since), chat.model.context
        shown = "? tokens" if tokens is None else short(tokens)
        if not window:
            return f"{shown} tokens" if tokens is not None else shown
        share = f" ({100 * tokens / window:.0f} %)" if tokens is not None else ""
        return f"{shown} / {short(window)}{share}"


def spent_words(chat: Session) -> str:
    """What this chat cost, in words that never lie about what is not known."""
    spent = chat.spent
    if chat.choice.provider == registry.EMBEDDED and not spent.amount and spent.exact:
        return "free (local)"
    amount = money(spent.amount)
    if spent.exact:
        return f"{amount} this chat"
    return f"at least {amount} this chat" if spent.amount else "cost unknown"
