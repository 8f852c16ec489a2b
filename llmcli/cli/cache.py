"""`llm cache`: the kept replies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from llmcli.cli.root import epilog, group
from llmcli.moments import METAVAR, age, ago, utc
from llmcli.terminal import agreed, note, out_json, table
from llmcli.wording import count, money, size

if TYPE_CHECKING:
    from pathlib import Path

    from llmcli.replies.shelf import Info

HELP = """Look at kept replies, and remove them.

With --cache, or [cache] ttl in the config, `llm ask`, `llm batch` and `llm compare` keep every
whole answer, and give it again to a request that is the same byte for byte: nothing is sent and
nothing is spent. With which key it would be sent makes no difference. Calls that are made at once
do not wait for each other, so that each may be sent.

Prompts are not kept. An answer stays, however old, until [cache] max_mb are full; `llm history rm`,
`prune` and `redact` take the answers along whose words they remove.
"""
EXAMPLES = """
llm --cache "why is the sky blue?"       again within the hour: at once, and free
llm --cache=7d "why is the sky blue?"    a reply may be a week old
llm config set cache.ttl 12h             for every one-shot; --no-cache asks anew
llm cache info
"""
INFO_EXAMPLES = """
llm cache info
llm cache info --json | jq .saved
"""
CLEAR_EXAMPLES = """
llm cache clear
llm cache clear --older-than 7d --yes
"""
_MB = 1_000_000

OlderThan = Annotated[
    str, typer.Option("--older-than", metavar=METAVAR, help="Only what came before: 12h, 7d.")
]


def register(program: typer.Typer) -> None:
    """Add the group."""
    cache = group(HELP, EXAMPLES)
    cache.command("info", epilog=epilog(INFO_EXAMPLES))(info)
    cache.command("clear", epilog=epilog(CLEAR_EXAMPLES))(clear)
    program.add_typer(cache, name="cache")


def info(
    as_json: Annotated[bool, typer.Option("--json", help="One object for scripts.")] = False,
) -> None:
    """Tell what is kept, how often it was of use, and what that saved."""
    from llmcli import config as configs
    from llmcli.replies.shelf import Shelf

    config, shelf = configs.load(), Shelf()
    found = shelf.info()
    ttl, limit = (config.get(f"cache.{name}").value for name in ("ttl", "max_mb"))
    if as_json:
        out_json({**_object(found, shelf.path), "ttl": ttl, "max_bytes": limit * _MB})
        return
    rows = [
        ("replies", f"{found.replies:,}"),
        ("size", f"{size(found.bytes)} of {size(limit * _MB)}"),
        ("oldest", _when(found.oldest)),
        ("given again", count(found.hits, "time")),
        ("saved", _saved(found)),
        ("kept for", f"every one-shot, {ttl}" if ttl else "what is asked with --cache"),
        ("where", str(shelf.path)),
    ]
    table(("WHAT", ""), rows)


def _object(found: Info, path: Path) -> dict[str, object]:
    return {
        "path": str(path),
        "replies": found.replies,
        "bytes": found.bytes,
        "oldest": utc(found.oldest) if found.oldest else None,
        "hits": found.hits,
        "hits_unpriced": found.unknown,
        "saved": {"amount": format(found.saved, "f"), "currency": "USD"},
        "since": utc(found.since) if found.since else None,
    }


def _when(moment: float | None) -> str:
    """`3 min ago`, or the day."""
    if moment is None:
        return "none yet"
    words = age(moment)
    return words if words == "now" or "-" in words else f"{words} ago"


def _saved(found: Info) -> str:
    """The money; "at least" where the cost of any of it is unknown."""
    if found.unknown and not found.saved:
        return "cost unknown"
    return f"at least {money(found.saved)}" if found.unknown else money(found.saved)


def clear(
    older_than: OlderThan = "",
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do it without asking.")] = False,
) -> None:
    """Remove the kept replies for good."""
    from llmcli.replies.shelf import Shelf

    before = ago(older_than, "--older-than") if older_than else None
    command = f"llm cache clear{f' --older-than {older_than}' if older_than else ''}"
    shelf = Shelf()
    there = shelf.count(before)
    if not there:
        note("· there is nothing so old" if before else "· no reply is kept")
    elif yes or agreed(f"remove {replies(there)}", command, " for good"):
        note(f"· removed {replies(shelf.clear(before))}")


def replies(number: int) -> str:
    """`1 kept reply`, `1,204 kept replies`."""
    return f"{number:,} kept {'reply' if number == 1 else 'replies'}"
