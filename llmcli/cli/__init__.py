"""The command line: finds the command, runs it, and turns every failure into an exit code."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Run `llm` with the arguments of this process; never returns."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        from llmcli import __version__

        sys.stdout.write(f"llm {__version__}\n")
        sys.exit(0)
    if arguments[:1] == ["__complete"]:
        from llmcli.cli import complete

        os._exit(complete.run(arguments[1:]))  # what it wrote is flushed; saves 7 ms a Tab
    # A start makes many objects that stay: looking for garbage among them costs 8 % of its time.
    gc.set_threshold(50_000, 20, 20)
    from llmcli.cli import run

    run.main(arguments)
