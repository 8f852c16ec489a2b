"""A recorded answer cut at every byte: never whole before its end marker, never a wrong letter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import wire
from expect import clean, kept
from fault_server import FaultServer
from support import Llm

from llmcli.adapters.openai_chat import OpenAIChat
from llmcli.cards import Card
from llmcli.errors import ProviderError
from llmcli.events import AnswerEvent, Finish, ReasoningDelta, TextDelta
from llmcli.messages import Message, Request, Text

STREAM, MARKER, TEXT, REASONING = wire.recorded()
# Within the events after the end marker the adapter alone may fail; the command does not.
LATER = range(MARKER + 3, len(STREAM) - 2)
CARD = Card(id="fs", name="fs", adapter="openai-chat", base_url="http://127.0.0.1:9/v1")
REQUEST = Request("m", (Message("user", (Text("hi"),)),))


def _events(chunks: Iterable[bytes]) -> Iterator[AnswerEvent]:
    """What an answer of these chunks means, as a provider drives decoder and adapter."""
    adapter = OpenAIChat()
    decoder, state = adapter.decoder(REQUEST), adapter.begin(REQUEST, CARD)
    for chunk in chunks:
        for frame in decoder.feed(chunk):
            yield from adapter.parse(frame, state)
    for frame in decoder.close():
        yield from adapter.parse(frame, state)
    yield from adapter.end(state)


def _read(chunks: Iterable[bytes]) -> tuple[str, str, bool, bool]:
    """(text, reasoning, finished, failed) of an answer; nothing counts after its finish."""
    text = reasoning = ""
    try:
        for event in _events(chunks):
            if isinstance(event, TextDelta):
                text += event.text
            elif isinstance(event, ReasoningDelta):
                reasoning += event.text
            elif isinstance(event, Finish):
                return text, reasoning, True, False
    except ProviderError:
        return text, reasoning, False, True
    return text, reasoning, False, False


def _check(cut: int, read: tuple[str, str, bool, bool]) -> None:
    text, reasoning, finished, failed = read
    assert finished != failed, cut
    assert TEXT.startswith(text), cut
    assert REASONING.startswith(reasoning), cut
    if cut < MARKER:
        assert failed, cut
    else:
        assert (text, reasoning) == (TEXT, REASONING), cut
        assert finished or cut in LATER, cut


def test_the_whole_answer() -> None:
    assert _read([STREAM]) == (TEXT, REASONING, True, False)


def test_cut_at_every_byte() -> None:
    """Before the finish reason a failure, from there on the whole answer."""
    assert len(STREAM) > 2000
    for cut in range(len(STREAM) + 1):
        _check(cut, _read([STREAM[:cut]]))


@pytest.mark.parametrize("ending", [b"\r", b"\r\n"])
def test_cut_at_every_byte_with_other_line_ends(ending: bytes) -> None:
    stream = STREAM.replace(b"\n", ending)
    marker = stream.index(b'"finish_reason": "stop"') + len(b'"finish_reason": "stop"}]}')
    for cut in range(0, len(stream) + 1, 3):
        text, reasoning, finished, failed = _read([stream[:cut]])
        assert finished != failed, cut
        assert failed or cut >= marker, cut
        assert TEXT.startswith(text), cut
        assert REASONING.startswith(reasoning), cut


def test_split_at_every_byte() -> None:
    """Where the network cuts the bytes in two makes no difference."""
    for cut in range(len(STREAM) + 1):
        assert _read([STREAM[:cut], STREAM[cut:]]) == (TEXT, REASONING, True, False), cut


def test_one_byte_at_a_time() -> None:
    assert _read(bytes([byte]) for byte in STREAM) == (TEXT, REASONING, True, False)


def test_only_a_growing_prefix_is_ever_said() -> None:
    """Byte after byte, a longer part of the answer says at least as much."""
    longest = 0
    for cut in range(0, len(STREAM) + 1, 7):
        text = _read([STREAM[:cut]])[0]
        assert len(text) >= longest
        longest = len(text)


def _cuts() -> list[int]:
    """Offsets worth a process each: around events, within escapes, around the marker."""
    starts = [i for i in range(MARKER) if STREAM.startswith(b"data:", i)]
    odd = [STREAM.index(b"\\ud83d") + 4, STREAM.index("猫".encode()) + 1]
    near = [MARKER + i for i in (-1, 0, 1, 2, 9, 60)] + [len(STREAM) - 9, len(STREAM)]
    spread = [0, 1, 5, *starts[1::2], *(start + 40 for start in starts[2::3])]
    return sorted({*spread, *odd, *near})


@pytest.mark.parametrize("cut", _cuts())
def test_cut_through_the_command(
    llm: Llm, faults: FaultServer, provider: Callable[..., Path], cut: int
) -> None:
    """Exit 0 only with the end marker; stdout and history an exact prefix."""
    provider(faults.url(f"cut-at:{cut}"), retries=0)
    result = llm("-m", "fs/m", "-q", "hi")
    clean(result)
    assert TEXT.encode().startswith(result.out)
    if cut >= MARKER:
        assert (result.code, result.text) == (0, TEXT)
        kept(llm, "complete", TEXT)
    else:
        assert result.code in (7, 8)
        (turn,) = llm.turns()
        assert turn["status"] == ("incomplete" if result.code == 8 else "failed")
        assert turn["text"] == result.text
        assert bool(turn["text"] or turn["reasoning"]) == (result.code == 8)
