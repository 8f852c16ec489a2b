"""The keys of the prompt that are ours; all others are prompt_toolkit's emacs and vi keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prompt_toolkit.application.current import get_app
from prompt_toolkit.filters import Condition, has_focus, is_searching, vi_navigation_mode
from prompt_toolkit.key_binding.bindings.named_commands import get_by_name
from prompt_toolkit.key_binding.key_bindings import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.utils import suspend_to_background_supported

if TYPE_CHECKING:
    from llmcli.repl.input_area import InputArea


def bindings(area: InputArea) -> KeyBindings:
    """All keys of the input area that prompt_toolkit has not, or has otherwise."""
    keys = KeyBindings()
    _add_enter(keys, area)
    _add_leaving(keys, area)
    _add_editing(keys, area)
    return keys


def _add_enter(keys: KeyBindings, area: InputArea) -> None:
    typing = has_focus(area.buffer) & ~is_searching
    swapped = Condition(lambda: area.multiline)
    choosing = Condition(area.has_choice)

    @keys.add("enter", filter=typing & choosing)
    def _take_completion(_event: KeyPressEvent) -> None:
        area.buffer.complete_state = None

    def send(_event: KeyPressEvent) -> None:
        area.send()

    def add_line(_event: KeyPressEvent) -> None:
        area.buffer.newline(copy_margin=False)

    for filters, on_enter, otherwise in (
        (typing & ~swapped & ~choosing, send, add_line),
        (typing & swapped & ~choosing, add_line, send),
    ):
        keys.add("enter", filter=filters)(on_enter)
        keys.add("escape", "enter", filter=filters)(otherwise)
        keys.add("c-j", filter=filters)(otherwise)


def _add_leaving(keys: KeyBindings, area: InputArea) -> None:
    typing = has_focus(area.buffer) & ~is_searching
    empty = Condition(lambda: not area.buffer.text)

    @keys.add("c-c", filter=typing)
    @keys.add("<sigint>")
    def _clear(_event: KeyPressEvent) -> None:
        area.clear()

    @keys.add("c-d", filter=typing & empty)
    def _leave(event: KeyPressEvent) -> None:
        event.app.exit(exception=EOFError())

    keys.add("c-d", filter=typing & ~empty)(get_by_name("delete-char"))

    @keys.add("c-z", filter=Condition(suspend_to_background_supported))
    def _suspend(event: KeyPressEvent) -> None:
        event.app.suspend_to_background()


def _add_editing(keys: KeyBindings, area: InputArea) -> None:
    typing = has_focus(area.buffer) & ~is_searching

    async def edit(_event: KeyPressEvent) -> None:
        await area.edit_outside()

    keys.add("c-x", "c-e", filter=typing)(edit)
    keys.add("v", filter=typing & vi_navigation_mode)(edit)

    @keys.add(Keys.BracketedPaste)
    def _paste(event: KeyPressEvent) -> None:
        if get_app().layout.has_focus(area.buffer):
            area.paste(event.data)
        else:
            event.current_buffer.insert_text(" ".join(event.data.split()))
