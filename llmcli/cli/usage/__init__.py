"""`llm usage`: what was used and what it cost, a file for each thing it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from llmcli.cli.root import epilog, group
from llmcli.cli.usage import asked as opt
from llmcli.cli.usage import repricing

if TYPE_CHECKING:
    from llmcli.cli.usage.asked import Asked

HELP = """What was used and what it cost.

Every call that was sent is counted: answered, failed, tried again, cut. A price that is not known
never counts as zero: a total then says "at least". Days are those of this machine's clock. The
p95 figures are within 1 %. In a pipe the columns are name, calls, input, cached, output, reasoning
and cost, tab-separated, exact and without the total, which --json has.
"""
EXAMPLES = """
llm usage                              by model, since ever
llm usage --since 7d --by day          today and the six days before
llm usage --by tag --tag project       what each project cost
llm usage --by conversation -n 5       the dearest conversations
llm usage --since 30d --plot           bars by day in the terminal
llm usage --html usage.html            a page with charts for the browser
llm usage --json | jq .total.cost
llm usage --unpriced                   what has no price: the line to add
"""


def register(program: typer.Typer) -> None:
    """Add the group."""
    usage = group(HELP, EXAMPLES)
    usage.command("reprice", epilog=epilog(repricing.EXAMPLES))(repricing.reprice)
    usage.callback(help=HELP, invoke_without_command=True, no_args_is_help=False)(_usage)
    program.add_typer(usage, name="usage")


def _usage(
    context: typer.Context,
    by: opt.By = "",
    since: opt.Since = "",
    until: opt.Until = "",
    provider: opt.Provider = "",
    model: opt.Model = "",
    tag: opt.Tag = "",
    limit: opt.Limit = 20,
    as_json: opt.AsJson = False,
    as_csv: opt.AsCsv = False,
    plot: opt.Plot = False,
    html: opt.Html = "",
    force: opt.Force = False,
    unpriced: opt.UnpricedOnly = False,
) -> None:
    if context.invoked_subcommand is not None:
        opt.refuse_before(context)
        return
    from llmcli.cli.json_errors import errors_as_json

    ways = {
        "--json": as_json,
        "--csv": as_csv,
        "--plot": plot,
        "--html": bool(html),
        "--unpriced": unpriced,
    }
    with errors_as_json(as_json):
        asked = opt.read(by, since, until, provider, model, tag, limit, ways)
        _show(asked, html, force=force)


def _show(asked: Asked, html: str, *, force: bool) -> None:
    if "--unpriced" in asked.ways:
        from llmcli.cli.usage import missing

        missing.show(asked)
    elif "--plot" in asked.ways:
        from llmcli.cli.usage import plotting

        plotting.show(asked)
    elif html:
        from llmcli.cli.usage import paging

        paging.write(asked, html, force=force)
    else:
        from llmcli.cli.usage import listing

        listing.show(asked)
