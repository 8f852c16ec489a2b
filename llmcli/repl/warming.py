"""Load what the first answer needs while the user types the first question."""

from __future__ import annotations

import contextlib
import threading
from importlib import import_module

from llmcli import registry
from llmcli.repl.chat import Chat


def begin(chat: Chat) -> None:
    """Load it in a thread: 50 ms that would else lie between the first question and its answer.

    What cannot be loaded says so when it is needed.
    """
    needed = ["llmcli.render.markdown"] if chat.display.mode == "markdown" else []
    if chat.session.choice.provider != registry.EMBEDDED:
        needed.append("llmcli.provider")
    threading.Thread(target=_load, args=(needed,), daemon=True).start()


def _load(modules: list[str]) -> None:
    with contextlib.suppress(ImportError):
        for name in modules:
            import_module(name)
