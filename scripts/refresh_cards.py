"""Bring the models and prices of the shipped cards up to date with the package genai-prices.

    python scripts/refresh_cards.py              print what would change, as a diff
    python scripts/refresh_cards.py --write      change the cards
    python scripts/refresh_cards.py --check      the same diff; exit 1 when there is one

`cost` and `prices` belong to this script, and so does `context` where a card does not say it. All
else, and every comment, is written by hand and stays. So does a value whose line ends in a comment
that begins with `# kept`; a model whose comment begins with `# no price` gets none. A model the
package does not know is left alone. The prices of the past are dropped: a card has those of its
day and what is announced.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import tomlkit
from genai_prices.types import ModelInfo
from price_list import Row, exact_id, provider, rows_of

SHELF = Path(__file__).parent.parent / "providers"
PACKAGE = "genai-prices"
SIGN = f"# Models and prices: {PACKAGE} "
KEPT, UNPRICED = "# kept", "# no price"


class Source(NamedTuple):
    """Where a card's models come from, and which of them get a row.

    `rows` is a pattern of ids in the package. A card's own rows are brought up to date whether it
    matches them or not: models that are not in it are added and taken away by hand. `days` are
    those on which prices with hours hold, which the package cannot say.
    """

    provider: str
    rows: str = ""
    days: tuple[str, ...] = ()


WORKDAYS = ("mon", "tue", "wed", "thu", "fri")  # https://api-docs.deepseek.com/quick_start/pricing
SOURCES: Mapping[str, Source] = {
    "anthropic": Source("anthropic", r"claude-(fable|mythos|opus|sonnet|haiku)-([5-9]|\d\d)(-\d)?"),
    "baseten": Source("baseten"),
    "bedrock": Source("aws"),
    "cerebras": Source("cerebras", r".*"),
    "cohere": Source("cohere", r"(command-a|embed-v).*"),
    "deepseek": Source("deepseek", r"deepseek-(flash|v4-.*)", WORKDAYS),
    "fireworks": Source("fireworks", r"(glm-5p[3-9]|kimi-k[3-9]\w*)(-flash|-pro)?"),
    "gemini": Source("google", r"gemini-([4-9]|3\.[5-9])[\w.]*-(?!.*(tts|live|image)).*"),
    "groq": Source("groq", r"openai/.*|qwen/qwen(3\.[89]|[4-9]).*"),
    "meta": Source("meta", r"muse-.*"),
    "minimax": Source("minimax", r"(?i)minimax-m[3-9].*"),
    "mistral": Source("mistral", r"mistral-(large-[4-9]|small-latest|medium-latest)"),
    "moonshot": Source("moonshotai", r"kimi-k[3-9].*"),
    "novita": Source("novita"),
    "openai": Source("openai", r"gpt-([6-9]|5\.[4-9])[\w.]*-(?!.*(cyber|image|rosalind)).*"),
    "openrouter": Source("openrouter"),
    "perplexity": Source("perplexity", r"perplexity/.*"),
    "together": Source("together"),
    "xai": Source("x-ai", r"grok-(4\.[3-9]|[5-9]).*"),
    "zai": Source("zai", r"(?i)glm-5\.[3-9].*"),
}


def refreshed(card: str, text: str, source: Source, today: date) -> tuple[str, list[str]]:
    """The card's new text, and what a person should look at."""
    listed = provider(source.provider)
    signed = re.search(rf"^{re.escape(SIGN)}(\S+) .*, (\S+)\.$", text, re.MULTILINE)
    installed = version(PACKAGE)
    day = date.fromisoformat(signed[2]) if signed and signed[1] == installed else today
    said: Mapping[str, Any] = tomllib.loads(text, parse_float=Decimal).get("models", {})
    document = tomlkit.parse(text)
    models: Any = document.setdefault("models", tomlkit.table(is_super_table=True))
    known = {name: listed.find_model(name) for name in said}
    notes = [f"{card}/{n}: deprecated" for n, m in known.items() if m and m.deprecated]
    for model in listed.models:
        wanted = not model.deprecated and re.fullmatch(source.rows, model.id)
        if wanted and model not in known.values() and rows_of(model, day):
            name = exact_id(listed, model)
            if name:
                models.add(name, tomlkit.table())
                known[name] = model
    for name, found in known.items():
        if found and not models[name].trivia.comment.startswith(UNPRICED):
            _update(models[name], said.get(name, {}), found, rows_of(found, day), source.days)
    new = tomlkit.dumps(document)
    if new != text or not signed or signed[1] != installed:
        new = _sign(new, f"{SIGN}{installed} (MIT), {day}.")
    return new, notes


def _update(
    table: Any, said: Mapping[str, Any], model: ModelInfo, rows: Sequence[Row], days: Sequence[str]
) -> None:
    if model.context_window and "context" not in said:
        table.add("context", tomlkit.value(f"{model.context_window:_}"))
    values = [row.values(days) for row in rows]
    wanted = {"cost": values[:1], "prices": values[1:]}
    for key, new in wanted.items():
        old = said.get(key)
        kept = key in table and table.item(key).trivia.comment.startswith(KEPT)
        now: Any = new[0] if key == "cost" and new else new or None
        if kept or old == now:
            continue
        if now is None:
            if rows:  # what has no price in the package may have one by hand
                table.remove(key)
        else:
            table[key] = tomlkit.value(_inline(now) if key == "cost" else _array(new))


def _array(rows: Sequence[Mapping[str, Any]]) -> str:
    return "".join(["[\n", *(f"    {_inline(row)},\n" for row in rows), "]"])


def _inline(value: Any) -> str:
    """A value as TOML on one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_inline(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, int):
        return f"{value:_}"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _sign(text: str, line: str) -> str:
    """Put the line that names the source before the first model."""
    if SIGN in text:
        return re.sub(rf"^{re.escape(SIGN)}.*$", line, text, flags=re.MULTILINE)
    head, models, rest = text.partition("[models.")
    head, _, comment = head.rpartition("\n\n")
    return f"{head}\n\n{line}\n{comment}{models}{rest}" if models else text


def main() -> int:
    """Refresh every card; returns the exit code."""
    parser = argparse.ArgumentParser(description="Bring models and prices of the cards up to date.")
    parser.add_argument("--write", action="store_true", help="change the cards")
    parser.add_argument("--check", action="store_true", help="exit 1 when a card would change")
    parser.add_argument("--shelf", type=Path, default=SHELF, help="the folder of the cards")
    options = parser.parse_args()
    changed = False
    for card, source in SOURCES.items():
        path = options.shelf / f"{card}.toml"
        if not path.is_file():
            continue
        old = path.read_text(encoding="utf-8")
        new, notes = refreshed(card, old, source, datetime.now(UTC).date())
        for note in notes:
            print(note, file=sys.stderr)
        changed |= new != old
        diff = difflib.unified_diff(
            old.splitlines(True), new.splitlines(True), str(path), str(path)
        )
        sys.stdout.writelines(diff)
        if options.write and new != old:
            path.write_text(new, encoding="utf-8")
    return int(options.check and changed)


if __name__ == "__main__":
    sys.exit(main())
