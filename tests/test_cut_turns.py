"""What is told of an answer that the model did not bring to its end."""

from __future__ import annotations

import pytest

from llmcli.messages import Message, Opaque, Text, ToolCall
from llmcli.turn import SUMMARISE, Turn


@pytest.mark.parametrize("reason", ["length", "content_filter", "refusal", "pause"])
def test_of_a_cut_answer_only_the_text_is_told(reason: str) -> None:
    """Its last call may be torn, and arguments that are no JSON are refused ever after."""
    turn = Turn("t", "c", "p", "m", "look", status="complete", finish_reason=reason, text="Let me")
    turn = turn._replace(
        tool_calls=(ToolCall("1", "look", '{"pla'),), opaque=(Opaque("p", "m", {}),)
    )
    assert turn.messages[1:] == (Message("assistant", (Text("Let me"),)),)
    assert not turn._replace(text="").answered
    assert turn._replace(prompt=SUMMARISE, parent="before").told_from is None
