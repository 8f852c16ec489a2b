"""A recorded answer cut at every byte, in every wire format.

It is never whole before its end marker, and never has a wrong letter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from expect import clean, kept
from fault_server import FaultServer
from hearing import Heard, hear
from spoken import CALL, SAID, THOUGHTS
from support import Llm
from voices import NAMES, NEW, SSE, VOICES, recorded

TEXT, REASONING = "".join(SAID), "".join(THOUGHTS)
ARGUMENTS = "".join(CALL[2])
STREAM, MARKER = recorded("openai-chat")

every_voice = pytest.mark.parametrize("name", NAMES)


def _is_whole(name: str, heard: Heard) -> bool:
    return (heard.text, heard.reasoning, heard.finish) == (TEXT, REASONING, "tool_calls") and (
        _called(name, heard)
    )


def _called(name: str, heard: Heard) -> bool:
    ((_, call_id, tool, arguments, state),) = heard.calls
    known = call_id == CALL[0] if VOICES[name].tells_ids else bool(call_id)
    exact = arguments == ARGUMENTS or not VOICES[name].keeps_arguments
    same = exact and json.loads(arguments) == json.loads(ARGUMENTS)
    return known and tool == CALL[1] and same and state == "ended"


def _check(name: str, cut: int, marker: int, heard: Heard) -> None:
    assert bool(heard.finish) != bool(heard.error), cut
    assert TEXT.startswith(heard.text), cut
    assert REASONING.startswith(heard.reasoning), cut
    for _, _, tool, arguments, state in heard.calls:
        assert tool == CALL[1], cut
        assert state == "open" or json.loads(arguments) == json.loads(ARGUMENTS), cut
        assert ARGUMENTS.startswith(arguments) or not VOICES[name].keeps_arguments, cut
    assert heard.error if cut < marker else _is_whole(name, heard), (cut, heard)


@every_voice
def test_the_whole_answer(name: str) -> None:
    heard = hear(name, [recorded(name)[0]])
    assert _is_whole(name, heard), heard
    assert heard.starts == 1
    assert heard.usage
    assert (heard.usage.input, heard.usage.output) == (9, 5)


@every_voice
def test_cut_at_every_byte(name: str) -> None:
    """Before the end marker a failure, from there on the whole answer."""
    stream, marker = recorded(name)
    for cut in range(len(stream) + 1):
        _check(name, cut, marker, hear(name, [stream[:cut]]))


@pytest.mark.parametrize("name", SSE)
@pytest.mark.parametrize("ending", [b"\r", b"\r\n", b"\n"])
def test_cut_at_every_byte_with_other_line_ends(name: str, ending: bytes) -> None:
    stream, marker = recorded(name)
    told, rest = stream[:marker], stream[marker:]
    told, rest = (part.replace(b"\r\n", b"\n").replace(b"\n", ending) for part in (told, rest))
    for cut in [*range(0, len(told), 7), *range(len(told), len(told + rest) + 1)]:
        _check(name, cut, len(told), hear(name, [(told + rest)[:cut]]))


@every_voice
def test_split_at_every_byte(name: str) -> None:
    """Where the network cuts the bytes in two makes no difference."""
    stream, _ = recorded(name)
    for cut in range(len(stream) + 1):
        assert _is_whole(name, hear(name, [stream[:cut], stream[cut:]])), cut


@every_voice
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_few_bytes_at_a_time(name: str, size: int) -> None:
    stream, _ = recorded(name)
    pieces = (stream[i : i + size] for i in range(0, len(stream), size))
    assert _is_whole(name, hear(name, pieces))


@every_voice
def test_only_a_growing_prefix_is_ever_said(name: str) -> None:
    """Byte after byte, a longer part of the answer says at least as much."""
    stream, _ = recorded(name)
    longest = 0
    for cut in range(0, len(stream) + 1, 7):
        text = hear(name, [stream[:cut]]).text
        assert len(text) >= longest
        longest = len(text)


def _cuts() -> list[int]:
    """Offsets worth a process each: around events, within escapes, around the marker."""
    starts = [i for i in range(MARKER) if STREAM.startswith(b"data:", i)]
    odd = [STREAM.index(b"\\ud83d") + 4, STREAM.index("猫".encode()) + 1]
    near = [MARKER + i for i in (-1, 0, 1, 2, 9, 60)] + [len(STREAM) - 9, len(STREAM)]
    spread = [0, 1, 5, *starts[1::2], *(start + 40 for start in starts[2::3])]
    return sorted({*spread, *odd, *near})


def _new_cuts() -> Iterable[tuple[str, int]]:
    """Three for every other wire format: in the text, before the marker, at it."""
    for name in NEW:
        stream, marker = recorded(name)
        text = stream.rindex(b"Sure") + 90
        yield from ((name, text), (name, marker - 1), (name, marker))


@pytest.mark.parametrize(
    ("name", "cut"), [*(("openai-chat", cut) for cut in _cuts()), *_new_cuts()]
)
def test_cut_through_the_command(
    llm: Llm, faults: FaultServer, provider: Callable[..., Path], name: str, cut: int
) -> None:
    """Exit 0 only with the end marker; stdout and history an exact prefix."""
    provider(faults.url(f"cut-at:{cut}", voice=name), adapter=name, retries=0)
    result = llm("-m", "fs/m", "-q", "hi")
    clean(result)
    assert TEXT.encode().startswith(result.out)
    if cut >= recorded(name)[1]:
        assert (result.code, result.text) == (0, TEXT)
        kept(llm, "complete", TEXT)
    else:
        assert result.code in (7, 8)
        (turn,) = llm.turns()
        assert turn["status"] == ("incomplete" if result.code == 8 else "failed")
        assert turn["text"] == result.text
        assert bool(turn["text"] or turn["reasoning"]) == (result.code == 8)
