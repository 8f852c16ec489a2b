"""The lines in which a message is typed: buffer, menu of completions, note and toolbar."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import wrap
from typing import IO

from prompt_toolkit.application import Application
from prompt_toolkit.application.run_in_terminal import run_in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer
from prompt_toolkit.document import Document
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import (
    Condition,
    has_completions,
    is_done,
    is_searching,
    vi_insert_mode,
    vi_navigation_mode,
)
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding.bindings.auto_suggest import load_auto_suggest_bindings
from prompt_toolkit.key_binding.key_bindings import merge_key_bindings
from prompt_toolkit.key_binding.key_processor import KeyProcessor
from prompt_toolkit.layout import (
    BufferControl,
    ConditionalContainer,
    Dimension,
    FormattedTextControl,
    HSplit,
    Layout,
    Window,
)
from prompt_toolkit.layout.controls import SearchBufferControl
from prompt_toolkit.layout.processors import (
    BeforeInput,
    HighlightIncrementalSearchProcessor,
    HighlightSelectionProcessor,
)
from prompt_toolkit.output import Output

from llmcli.errors import LlmError
from llmcli.repl.bindings import bindings
from llmcli.repl.editor import edit
from llmcli.repl.look import STYLE
from llmcli.repl.pastes import Pastes, is_too_long, scrubbed
from llmcli.repl.prompt_history import FromHistory, PromptHistory
from llmcli.repl.rows import Row, fitted, menu, shown, told
from llmcli.repl.running import run
from llmcli.repl.shown import Shown, Suggested

_PROMPT, _VI_PROMPT = "> ", ": "  # the other one while vi takes keys for commands
_MENU_LINES = 8
_LEAST_LINES = 6  # of a terminal that shows the toolbar
_LEAST_COLUMNS = 8  # of one that shows the prompt
_ESC_SECONDS = 0.05  # after which Esc is no beginning of a key
_KEYS_SECONDS = 1.0  # after which Ctrl-X is no beginning of Ctrl-X Ctrl-E


class InputArea:
    """One message after the other, typed on a terminal.

    `multiline` False: Enter sends, Alt-Enter and Ctrl-J add a line; True: the other way round.
    """

    def __init__(
        self,
        completer: Completer | None,
        toolbar: Callable[[], str],
        *,
        keys: Input,
        output: Output,
        streams: tuple[IO[str], IO[str]],
        history: Path | None,
        vi: bool,
    ) -> None:
        self.multiline = False
        self._toolbar = toolbar
        self._streams = streams
        self._note = ""
        self._pastes = Pastes()
        self._sent = ("", "")  # what was returned last, and the line it was
        self._history = PromptHistory(history, self._pastes.expand)
        self.buffer = self._new_buffer(completer)
        self._app = self._new_app(keys, output, vi)

    def read(self, default: str) -> str:
        """One message, pastes expanded. Raises EOFError."""
        line = self._sent[1] if default == self._sent[0] else scrubbed(default)
        self._note = ""
        self.buffer.reset(Document(line))
        return self._pastes.expand(run(self._app, self._fail))

    def when_drawn(self, action: Callable[[], None]) -> None:
        """Do this once, after the line was drawn the next time."""

        def once(app: Application[str]) -> None:
            app.after_render -= once
            action()

        self._app.after_render += once

    def send(self) -> None:
        """End the reading with what stands in the line."""
        line = self.buffer.text
        self._history.append_string(line)
        self._sent = (self._pastes.expand(line), line)
        self._app.exit(result=line)

    def clear(self) -> None:
        """Empty the line; undo brings it back. Say how to leave when it is empty already."""
        if not self.buffer.text:
            self._note = "Ctrl-D leaves"
            return
        line = self.buffer.document
        self.buffer.reset(line)  # out of the history, were it there
        self.buffer.save_to_undo_stack()
        self.buffer.document = Document()

    def paste(self, text: str) -> None:
        """Insert what was pasted, as a chip where it is long; refuse what is too long."""
        if is_too_long(text):
            self._note = "a paste over 1 MB was left out; save it and use /file PATH"
            return
        self.buffer.save_to_undo_stack()
        self.buffer.insert_text(self._pastes.take(text))

    async def edit_outside(self) -> None:
        """Hand the message to the user's editor and take it back."""
        line = self.buffer.text
        keyboard, screen = self._streams
        try:
            text = await run_in_terminal(
                lambda: edit(self._pastes.expand(line), keyboard=keyboard, screen=screen)
            )
        except LlmError as error:
            self._note = f"{error.message}; {error.hint}"
            return
        if text is not None:
            self.buffer.save_to_undo_stack()
            self.buffer.document = Document(self._pastes.fold(scrubbed(text), line))

    def _fail(self, error: Exception) -> None:
        """Tell it below the line, once: were it raised by drawing that, again would be for ever."""
        note = told(error)
        if note != self._note:
            self._note = note
            self._app.invalidate()

    def has_choice(self) -> bool:
        """Whether a completion of the menu is chosen."""
        state = self.buffer.complete_state
        return state is not None and state.current_completion is not None

    def _new_buffer(self, completer: Completer | None) -> Buffer:
        def changed(_buffer: Buffer) -> None:
            self._note = ""

        return Buffer(
            completer=completer,
            auto_suggest=FromHistory(self._history),
            history=self._history,
            enable_history_search=True,
            complete_while_typing=Condition(lambda: self.buffer.text.startswith("/")),
            on_text_changed=changed,
        )

    def _new_app(self, keys: Input, output: Output, vi: bool) -> Application[str]:
        app: Application[str] = Application(
            layout=self._new_layout(),
            key_bindings=merge_key_bindings([load_auto_suggest_bindings(), bindings(self)]),
            editing_mode=EditingMode.VI if vi else EditingMode.EMACS,
            style=STYLE,
            include_default_pygments_style=False,
            input=keys,
            output=output,
            color_depth=output.get_default_color_depth(),
            terminal_size_polling_interval=None,
        )
        app.ttimeoutlen = _ESC_SECONDS

        def about_to_press(_processor: KeyProcessor) -> None:
            app.timeoutlen = _ESC_SECONDS if vi_insert_mode() else _KEYS_SECONDS

        app.key_processor.before_key_press += about_to_press
        return app

    def _new_layout(self) -> Layout:
        search = SearchBufferControl(
            Buffer(),
            input_processors=[Shown(self._pastes), BeforeInput("search: ", "class:note")],
            ignore_case=True,
        )
        control = BufferControl(
            self.buffer,
            input_processors=[
                HighlightIncrementalSearchProcessor(),
                HighlightSelectionProcessor(),
                Suggested(),
                Shown(self._pastes),
            ],
            include_default_input_processors=False,
            search_buffer_control=search,
            preview_search=True,
        )
        line = Window(
            control, wrap_lines=True, dont_extend_height=True, get_line_prefix=self._prefix
        )
        below = [
            ConditionalContainer(Window(search, height=1), is_searching & ~is_done),
            self._lines(self._menu, has_completions),
            self._lines(self._note_line, Condition(lambda: bool(self._note))),
            self._lines(self._toolbar_line, Condition(self._is_roomy)),
            ConditionalContainer(Window(height=Dimension(min=0)), ~is_done),
        ]
        return Layout(HSplit([line, *below]), focused_element=line)

    def _lines(
        self, content: Callable[[], StyleAndTextTuples], shown_when: Condition
    ) -> ConditionalContainer:
        window = Window(FormattedTextControl(content), wrap_lines=True, dont_extend_height=True)
        return ConditionalContainer(window, shown_when & ~is_done)

    def _prefix(self, number: int, wrapped: int) -> StyleAndTextTuples:
        if self._columns() < _LEAST_COLUMNS:
            return []
        prompt = _VI_PROMPT if vi_navigation_mode() else _PROMPT
        return [("class:prompt", " " * len(prompt) if number or wrapped else prompt)]

    def _menu(self) -> StyleAndTextTuples:
        state = self.buffer.complete_state
        if state is None:
            return []
        rows = [Row(c.display_text, c.display_meta_text) for c in state.completions]
        height = max(1, min(_MENU_LINES, self._rows() - 3))
        return menu(rows, state.complete_index, height, self._columns())

    def _note_line(self) -> StyleAndTextTuples:
        return [("class:note", "\n".join(wrap(shown(self._note), self._columns())))]

    def _toolbar_line(self) -> StyleAndTextTuples:
        try:
            text = self._toolbar()
        except Exception as error:  # noqa: BLE001
            text = told(error)
        return [("class:toolbar", fitted(shown(text), self._columns()))]

    def _is_roomy(self) -> bool:
        return self._rows() >= _LEAST_LINES

    def _columns(self) -> int:
        return self._app.output.get_size().columns

    def _rows(self) -> int:
        return self._app.output.get_size().rows
