"""What may stand in each place of the command line: a table, asked by the place's names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal[
    # `llm __complete` knows these
    "models",
    "model-ids",
    "aliases",
    "providers",
    "options",
    "config-keys",
    "local-models",
    "adapters",
    "conversations",
    # the shell knows these
    "files",
    "variables",
    # only the fixed words; nothing at all; no rule yet, which a test reports
    "words",
    "nothing",
    "unruled",
]


@dataclass(frozen=True, slots=True)
class Values:
    """The values of one place: `words` that are always offered, then those of a kind."""

    kind: Kind
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.kind, *self.words))


NOTHING = Values("nothing")
FILES = Values("files")
UNRULED = Values("unruled")

# A key is a long option or a metavar, alone or after the command or group it holds for. Options go
# before metavars, then the most special wins: `models alias NAME`, `models NAME`, `NAME`.
RULES: dict[str, Values] = {
    "SPEC": Values("models"),
    "MODEL": Values("model-ids"),
    "KEY=VALUE": Values("options"),
    "FILE": FILES,
    "ID": Values("conversations"),
    "--key-env": Values("variables"),
    "--adapter": Values("adapters"),
    "WHEN": Values("words", ("auto", "always", "never")),
    "ENCODING": Values("words", ("float", "base64")),
    "FORMAT": Values("words", ("json", "jsonl", "md", "html")),
    "SHELL": Values("words", ("bash", "zsh", "fish", "powershell")),
    "PROMPT": NOTHING,
    "TEXT": NOTHING,
    "VALUE": NOTHING,
    "URL": NOTHING,
    "HEX": NOTHING,
    "WORDS": NOTHING,
    "AGE": NOTHING,
    "DATE": NOTHING,
    "TURN": NOTHING,
    "TAG": NOTHING,
    "TTL": Values("words", ("1h", "12h", "7d")),
    "SECONDS": NOTHING,
    "N": NOTHING,
    "USD": NOTHING,
    "-": NOTHING,
    "BUDGET": Values("words", ("day", "week", "month", "per_call", "per_conversation")),
    "IN": FILES,
    "OUT": FILES,
    "batch ID": NOTHING,
    "batch FORMAT": Values("words", ("jsonl", "csv", "tsv", "lines")),
    "embed KEY=VALUE": Values("words", ("extra.",)),
    "config KEY": Values("config-keys"),
    "doctor NAME": Values("providers"),
    "history NAME": NOTHING,
    "history redact --key": Values("providers"),
    "keys NAME": Values("providers"),
    "local NAME": Values("local-models"),
    "local pull NAME": NOTHING,
    "local pull WHAT": Values("files", ("smollm2",)),
    "models --provider": Values("providers"),
    "usage --provider": Values("providers"),
    "usage WAY": Values(
        "words",
        ("day", "week", "month", "provider", "model", "conversation", "tag", "kind"),
    ),
    "models alias NAME": Values("aliases"),
    "providers NAME": Values("providers"),
}


def find(path: Iterable[str], option: str, metavar: str) -> Values:
    """The rule for a place: its command, its long option if it is one, its bare metavar."""
    words = tuple(path)
    places = [words[:length] for length in range(len(words), -1, -1)]
    keys = [" ".join((*place, name)) for name in (option, metavar) for place in places]
    return next((RULES[key] for key in keys if key in RULES), UNRULED)
