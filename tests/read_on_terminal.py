"""Read messages on the terminal this runs on and print them: `read_on_terminal.py [OPTION…]`.

Options: `vi`, `nocolor`, `forget`, `multiline`; `keyboard` reads stdin and then the terminal;
`toolbar=TEXT`; `default=TEXT` stands in the first line; `choose` and `choose=N` pick from a few or
from N rows; `edit=TEXT` opens the editor; `broken`: the toolbar and the completion of `/m` raise.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from collections.abc import Iterable
from types import FrameType

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from llmcli.errors import Interrupted
from llmcli.repl.keyboard import open_keyboard
from llmcli.repl.screen import Screen

WORDS = {
    "/model": "switch the model",
    "/multiline": "swap Enter",
    "/undo": "\x1b[31mstep back\x1b[0m",
}
ROWS = [("apple", "a fruit"), ("pear", "another"), ("rock", "\x1b[31mno fruit"), ("日本", "a land")]


class Commands(Completer):
    def __init__(self, broken: bool) -> None:
        self._broken = broken

    def get_completions(self, document: Document, _event: CompleteEvent) -> Iterable[Completion]:
        typed = document.text_before_cursor
        if self._broken and typed == "/m":
            raise ValueError("no \x1b[31mcompletion")
        for word, about in WORDS.items():
            if word.startswith(typed):
                yield Completion(word, -len(typed), display_meta=about)


def take_signals() -> None:
    """As the command does: the ending ones raise, Ctrl-C does nothing where nothing runs."""

    def stop(signum: int, _frame: FrameType | None) -> None:
        signal.signal(signum, signal.SIG_DFL)
        raise Interrupted(signum)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    signal.signal(signal.SIGINT, lambda *_: None)


def shown(text: str) -> str:
    """The message, or its length and digest where it is long."""
    if len(text) < 2000:
        return ascii(text)
    return f"{len(text)} {hashlib.sha256(text.encode()).hexdigest()}"


def toolbar(options: dict[str, str]) -> str:
    if "broken" in options:
        raise ValueError("no \x1b[31mtoolbar")
    return options.get("toolbar", "the toolbar")


def act(options: dict[str, str]) -> None:
    if "keyboard" in options:
        print("piped", ascii(sys.stdin.read()))
    screen = Screen(
        Commands("broken" in options),
        lambda: toolbar(options),
        vi="vi" in options,
        color="nocolor" not in options,
        keyboard=open_keyboard() if "keyboard" in options else None,
        remember="forget" not in options,
    )
    screen.multiline = "multiline" in options
    if "edit" in options:
        print("edited", ascii(screen.edit(options["edit"])))
    if "choose" in options:
        count = int(options["choose"] or 0)
        rows = [(f"row{n}", f"number {n}") for n in range(count)] or ROWS
        print("chosen", ascii(screen.choose("Which?", rows)))
    default = options.get("default", "")
    while True:
        try:
            print("got", shown(text := screen.read(default)), flush=True)
            default = text if text.endswith("again") else ""
        except EOFError:
            print("left")
            return


def main() -> None:
    options = dict(word.partition("=")[::2] for word in sys.argv[1:])
    take_signals()
    try:
        act(options)
    except Interrupted as stop:
        os.kill(os.getpid(), stop.signum)


if __name__ == "__main__":
    main()
