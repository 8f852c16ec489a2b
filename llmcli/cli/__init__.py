"""The command line: finds the command, runs it, and turns every failure into an exit code."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # the core of signal, without enum
import gc
import os
import sys


def _print_version() -> None:
    from llmcli import __version__

    try:
        os.write(1, f"llm {__version__}\n".encode())
    except OSError:
        os._exit(10)
    os._exit(0)


def main() -> None:
    """Run `llm` with the arguments of this process; never returns."""
    arguments = sys.argv[1:]
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # until `run` catches it: no traceback
    if arguments in (["--version"], ["-V"]):
        _print_version()
    if arguments[:1] == ["__complete"]:
        from llmcli.cli import complete

        os._exit(complete.run(arguments[1:]))  # what it wrote is flushed; saves 7 ms a Tab
    # A start makes some 50,000 objects that stay: looking for garbage among them costs 8 % of its
    # time (2026-11-21).
    gc.set_threshold(150_000, 20, 20)
    from llmcli.cli import run

    run.main(arguments)
