"""`llm doctor`: what works on this machine, what does not, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from llmcli import config as configuration
from llmcli.cli.doctor.findings import Finding
from llmcli.cli.root import epilog
from llmcli.errors import ConfigError
from llmcli.terminal import clean, out, out_json, style

EXAMPLES = """
llm doctor                       this machine and every provider you can ask
llm doctor groq lab              these providers
llm doctor --offline             without the network
llm doctor --json | jq '.findings[] | select(.state != "ok")'
"""
_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "problem": ("✗", "red")}


def register(program: typer.Typer) -> None:
    """Add the command to the program."""
    program.command("doctor", epilog=epilog(EXAMPLES))(_doctor)


def _doctor(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME…]", help="All you can ask by default.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no provider.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for scripts.")] = False,
) -> int:
    """Check the installation, the config, the keyring, the history and each provider.

    No question is put to a model, so nothing is billed. Ends with 0 when nothing is broken, else
    with the exit code of the first problem.
    """
    found: list[Finding] = []
    for finding in _findings(names or [], offline):
        found.append(finding)
        if not as_json:
            _show(finding)
    exit_code = next((f.exit_code for f in found if f.state == "problem"), 0)
    if as_json:
        out_json({"findings": [_as_json(f) for f in found], "exit_code": exit_code})
    elif not exit_code:
        out("Nothing is broken.")
    return exit_code


def _findings(names: list[str], offline: bool) -> Iterator[Finding]:
    from llmcli import cards, registry
    from llmcli.cli.doctor import here, providers

    known = cards.names()  # a broken one is a finding
    for name in names:
        if name not in known:
            registry.load_card(name)
    yield from here.findings()
    if offline:
        return
    try:
        config = configuration.load()
        chosen = names or [card.id for card in registry.configured()]
    except ConfigError:
        return  # `here` has told of it
    yield from providers.findings(chosen, config)


def _show(finding: Finding) -> None:
    mark, colour = _MARKS[finding.state]
    out(f"{style(mark, colour)} {style(clean(finding.check), 'bold')}  {clean(finding.message)}")
    for line in finding.mend.splitlines():
        out(f"    {clean(line)}")


def _as_json(finding: Finding) -> dict[str, Any]:
    values = finding._asdict()
    facts = values.pop("facts")
    return {**values, "mend": finding.mend or None, **facts}
