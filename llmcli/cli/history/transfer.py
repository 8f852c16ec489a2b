"""`llm history export` and `import`: conversations as files, and back."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from llmcli.cli.history.lookup import meant, opened
from llmcli.cli.labels import label
from llmcli.errors import LocalIOError, UsageError
from llmcli.files import writing_out
from llmcli.terminal import clean, is_tty, note
from llmcli.turn import SHORT_ID
from llmcli.wording import count

if TYPE_CHECKING:
    from llmcli.store import Store
    from llmcli.turn import Conversation

EXPORT_EXAMPLES = """
llm history export parser -o talk.html    a page for the browser; also .md, .json, .jsonl
llm history export --all -o history.jsonl every branch of every conversation
llm history export parser | ssh box llm history import -
"""
IMPORT_EXAMPLES = """
llm history import history.jsonl
llm history import a.json b.jsonl
curl -s https://example.com/talk.json | llm history import -
"""
FORMATS = ("json", "jsonl", "md", "html")
_SUFFIXES = {".markdown": "md", ".htm": "html", **{f".{name}": name for name in FORMATS}}
_LIMIT = 1 << 28
Write: TypeAlias = Callable[[str], object]

Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID]…", help="Conversations; else the last one of this terminal."),
]
Everything = Annotated[bool, typer.Option("--all", help="Every conversation.")]
Format = Annotated[
    str,
    typer.Option(
        "-f", "--format", metavar="FORMAT", help="json, jsonl, md or html; else as FILE ends."
    ),
]
Target = Annotated[
    str, typer.Option("-o", "--output", metavar="FILE", help="A new file; else to stdout.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace FILE if it is there.")]
Sources = Annotated[
    list[str], typer.Argument(metavar="FILE…", help="What was exported; - reads stdin.")
]


def export(
    ids: Ids = None,
    everything: Everything = False,
    form: Format = "",
    target: Target = "",
    force: Force = False,
) -> None:
    """Write conversations to stdout or a file.

    JSON and JSONL hold all there is, with every branch, and can be imported again. Markdown and
    HTML are for readers: they show a conversation as it stands, with keys masked.
    """
    if everything and ids:
        raise UsageError("--all is every conversation: leave out the names")
    form = _form(form, target)
    with opened() as store:
        if everything:
            chosen = store.conversations()[::-1]
        else:
            chosen = [meant(store, text) for text in dict.fromkeys(ids or [""])]
        if form == "html" and len(chosen) != 1:
            raise UsageError(
                f"a page shows one conversation, not {len(chosen)}",
                hint="Export them one by one, or all as one file: -f jsonl",
            )
        with _writing(target, force) as write:
            _WRITERS[form](store, chosen, write)
    if target:
        note(f"· {count(len(chosen), 'conversation')} in {clean(target)}")


def _form(form: str, target: str) -> str:
    """The format asked for, else that of the file's name, else JSON. Raises UsageError."""
    suffix = Path(target).suffix.lower()
    if form in FORMATS:
        return form
    if form:
        raise UsageError(f"-f {form[:40]}: it is one of {', '.join(FORMATS)}")
    if target and suffix not in _SUFFIXES:
        raise UsageError(
            f"{target}: its ending does not tell the format",
            hint=f"Say it: -f {'|'.join(FORMATS)}",
        )
    return _SUFFIXES.get(suffix, "json")


@contextlib.contextmanager
def _writing(target: str, force: bool) -> Iterator[Write]:
    """Writes to stdout, or to a file that is there whole or not at all."""
    if not target:
        yield _to_screen if is_tty(sys.stdout) else sys.stdout.write
        return
    try:
        with writing_out(Path(target), replace=force) as file:
            yield lambda text: file.write(text.encode("utf-8", "replace"))
    except FileExistsError:
        raise UsageError(
            f"{target} exists", hint="Another name, or --force to replace it."
        ) from None
    except OSError as error:
        raise LocalIOError(f"{target}: {error.strerror}") from None


def _to_screen(text: str) -> None:
    sys.stdout.write(clean(text))


def _json(store: Store, chosen: Sequence[Conversation], write: Write) -> None:
    """One document, or a list of them."""
    from llmcli.transcripts.documents import to_document, to_text

    for number, one in enumerate(chosen):
        before = "" if len(chosen) == 1 else ",\n" if number else "[\n"
        write(before + to_text(to_document(one, store.whole(one)), indent=1))
    write("\n" if len(chosen) == 1 else "\n]\n" if chosen else "[]\n")


def _jsonl(store: Store, chosen: Sequence[Conversation], write: Write) -> None:
    from llmcli.transcripts.documents import to_lines

    for one in chosen:
        for line in to_lines(one, store.whole(one)):
            write(line)


def _markdown(store: Store, chosen: Sequence[Conversation], write: Write) -> None:
    from llmcli.transcripts.markdown import to_markdown

    for number, one in enumerate(chosen):
        write(("\n" if number else "") + to_markdown(one, store.path(one.head)))


def _html(store: Store, chosen: Sequence[Conversation], write: Write) -> None:
    from llmcli.transcripts.html import to_html

    write(to_html(chosen[0], store.path(chosen[0].head)))


_WRITERS = {"json": _json, "jsonl": _jsonl, "md": _markdown, "html": _html}


def import_(sources: Sources) -> None:
    """Take in exported conversations.

    They are JSON or JSONL. What is there already stays as it is, so doing it twice does no
    harm. A file is taken in whole or, where anything in it is wrong, not at all. Markdown and HTML
    cannot be read back.
    """
    from llmcli.transcripts.documents import from_bytes

    read = [(source, _read(source)) for source in sources]
    found = []
    for source, data in read:
        try:
            found += from_bytes(data)
        except UsageError as error:
            raise UsageError(f"{_name(source)}: {error.message}", hint=error.hint) from None
    with opened(changes=True) as store:
        for conversation, turns in found:
            merged = store.merge(conversation, turns)
            words = f"{count(merged.added, 'turn')} added"
            words += f", {merged.known:,} there already" if merged.known else ""
            note(f"· {clean(conversation.id[:SHORT_ID])} {label(conversation)}: {words}")


def _read(source: str) -> bytes:
    """The bytes of a file or of stdin. Raises UsageError."""
    try:
        if source == "-":
            if is_tty(sys.stdin):
                note("· reading from the terminal; Ctrl-D ends")
            data = sys.stdin.buffer.read(_LIMIT + 1)
        else:
            with open(source, "rb") as file:
                data = file.read(_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"{_name(source)}: {error.strerror}") from None
    if len(data) > _LIMIT:
        raise UsageError(f"{_name(source)}: larger than {_LIMIT >> 20} MiB")
    return data


def _name(source: str) -> str:
    return "stdin" if source == "-" else source
