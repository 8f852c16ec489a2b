"""What stands in the line, made fit to be shown: chips for pastes, marks for controls."""

from __future__ import annotations

from bisect import bisect_right

from prompt_toolkit.application.current import get_app
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.formatted_text.utils import fragment_list_to_text
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.layout.utils import explode_text_fragments

from llmcli.repl.pastes import Pastes
from llmcli.sanitize import sanitize

_TAB = "    "


class Suggested(Processor):
    """Show behind the text the first line of what is suggested, until the text is sent."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """The line, and what is suggested where it is the last one."""
        fragments = transformation_input.fragments
        document = transformation_input.document
        found = transformation_input.buffer_control.buffer.suggestion
        is_last = transformation_input.lineno == document.line_count - 1
        if not (found and is_last and document.is_cursor_at_the_end) or get_app().is_done:
            return Transformation(fragments)
        first, more, _ = found.text.partition("\n")
        return Transformation([*fragments, ("class:auto-suggestion", first + "…" * bool(more))])


class Shown(Processor):
    """Show pastes as chips, tabs as spaces, controls and bidirectional marks by their names."""

    def __init__(self, pastes: Pastes) -> None:
        self._pastes = pastes

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """The line as it is shown, with where each of its characters went."""
        fragments = transformation_input.fragments
        text = fragment_list_to_text(fragments)
        if "\t" not in text and sanitize(text) == text:
            return Transformation(fragments)
        shown: StyleAndTextTuples = []
        starts = []
        column = 0
        for style, char, *_ in explode_text_fragments(fragments):
            look, visible = self._look(char)
            starts.append(column)
            shown.append((f"{style} {look}", visible))
            column += len(visible)
        starts.append(column)
        last = len(starts) - 1
        return Transformation(
            shown,
            source_to_display=lambda i: starts[i] if i <= last else column + i - last,
            display_to_source=lambda i: min(bisect_right(starts, i) - 1, last),
        )

    def _look(self, char: str) -> tuple[str, str]:
        """The style and the visible form of a character."""
        label = self._pastes.label(char)
        if label:
            return "class:chip", label
        if char == "\t":
            return "", _TAB
        visible = sanitize(char)
        return ("class:control" if visible != char else ""), visible
