"""`llm history show`: one conversation, as it stands or with all its branches."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from llmcli.cli.history import branches
from llmcli.cli.history.lookup import AsJson, Which, meant, opened
from llmcli.errors import UsageError
from llmcli.redaction import redact
from llmcli.terminal import is_tty, note, out_json
from llmcli.wording import count

if TYPE_CHECKING:
    from llmcli.turn import Conversation, Turn

EXAMPLES = """
llm history show                 the last conversation of this terminal
llm history show 01JD8           an id may be cut short; a name works, too
llm history show 01JD8 > talk.md
llm history show --turns 1       only the last turn
llm history show --tree          all branches; ● is where it goes on
"""

Turns = Annotated[
    int | None, typer.Option("--turns", metavar="N", help="Only the last N turns.", min=1)
]
Tree = Annotated[bool, typer.Option("--tree", help="Every branch, a turn a line.")]
Raw = Annotated[bool, typer.Option("--raw", help="No Markdown on the terminal.")]


def show(
    which: Which = "",
    turns: Turns = None,
    tree: Tree = False,
    raw: Raw = False,
    as_json: AsJson = False,
) -> None:
    """Show a conversation, as it stands or as a tree.

    It is rendered on a terminal and Markdown text in a pipe. --json is the whole of it for
    scripts.
    """
    if tree and turns:
        raise UsageError("--tree shows every turn: leave out --turns")
    with opened() as store:
        conversation = meant(store, which)
        found = store.whole(conversation) if tree else store.path(conversation.head)
        if not found:  # nothing was answered yet: show what was asked
            found = store.tree(conversation.id)[-1:]
    if as_json:
        from llmcli.transcripts.documents import to_document

        out_json(to_document(conversation, found[-turns:] if turns else found))
    elif tree:
        branches.show(conversation, found)
    else:
        transcript(conversation, found, turns=turns, raw=raw)


def transcript(
    conversation: Conversation, path: list[Turn], *, turns: int | None = None, raw: bool = False
) -> None:
    """Write the transcript, or its last `turns`, to stdout."""
    from llmcli.transcripts.markdown import to_markdown

    if not path:
        note("· nothing was asked in it yet")
        return
    first = max(len(path) - turns, 0) if turns else 0
    text = to_markdown(conversation, path, first)
    if is_tty(sys.stdout) and not raw:
        _render(text, path[-1])
    else:
        sys.stdout.write(redact(text))
    if first and is_tty(sys.stderr):
        note(f"· {count(first, 'earlier turn')} not shown")


def _render(text: str, turn: Turn) -> None:
    from llmcli import config, render
    from llmcli.cli.asking import display
    from llmcli.events import TextDelta

    settings = display("", config.load(), raw=False, usage=False, quiet=True, verbose=False)
    renderer = render.choose(settings)
    renderer.show(TextDelta(text))
    renderer.finish(turn)
