"""Answers spoilt at random: bytes changed, or good JSON of a wrong shape."""

from __future__ import annotations

import copy
import json
import random
import struct
from collections.abc import Iterator
from typing import Any

from spoken import CALL, PIECES, THOUGHTS
from voices import VOICES, Voice, recorded
from voices.bedrock import frames, pack_raw

VALUES: list[Any] = [
    None, True, False, 0, -1, 1.5, 1e308, float("nan"), 10**30, "", "x", "\ud83c", "<think>",
    [], [None], [[]], {}, {"": None}, {"text": 5}, [{"type": "text", "text": "y"}], {"error": 1},
]  # fmt: skip
_MARKS = (b"\n", b"\r", b"\r\n", b"data:", b"event:", b'"', b"{", b"\\", b"\0")


def corpus(name: str) -> list[bytes]:
    """Good and bad answers of one wire format to begin with."""
    voice = VOICES[name]
    found = [recorded(name)[0], voice().answer(), voice(None).answer()]
    found += [voice().answer(reason=reason) for reason in voice.reasons]
    found += [_with(voice(), odd) for odd in voice().oddities().values()]
    found += [voice().partial() + error for error in voice().errors("broke").values()]
    found += list(voice().errors("broke").values())
    two = voice()
    said = [two.begin(), two.calls(*CALL), two.calls("c2", "now", []), two.ends("tool_calls")]
    return [*found, b"".join(said), two.json(two.whole()), two.json(two.failure("broke"))]


def _with(voice: Voice, odd: bytes) -> bytes:
    begin, *said = voice.texts(PIECES[:2])
    return b"".join([begin, voice.thinks(THOUGHTS[0]), odd, *said, odd, voice.ends()])


def bytes_changed(name: str, answers: list[bytes], rng: random.Random) -> list[bytes]:
    """An answer with bytes cut out, put in, or taken from another one."""
    data = bytearray(rng.choice(answers))
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        change = rng.randrange(4)
        if change == 0:
            data[at : at + rng.randint(1, 20)] = b""
        elif change == 1:
            data[at:at] = rng.randbytes(rng.randint(1, 4))
        elif change == 2:
            data[at:at] = rng.choice(_MARKS)
        else:
            other = rng.choice(answers)
            start = rng.randrange(len(other))
            data[at:at] = other[start : start + rng.randint(1, 200)]
    return _split(bytes(data), rng)


def _split(data: bytes, rng: random.Random) -> list[bytes]:
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randint(0, 5)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def values_changed(name: str, answers: list[bytes], rng: random.Random) -> list[bytes]:
    """An answer where random places of the JSON hold something of another type."""
    data = rng.choice(answers)
    if name == "bedrock":
        return [b"".join(_frames_changed(data, rng))]
    return [b"".join(_lines_changed(data, rng))]


def _lines_changed(data: bytes, rng: random.Random) -> Iterator[bytes]:
    for line in data.replace(b"\r", b"\n").split(b"\n"):
        head = b"data: " if line.startswith(b"data:") else b""
        raw = line.removeprefix(b"data:").strip()
        spoils = raw.startswith(b"{") and rng.random() < 0.6
        yield (head + spoilt(raw, rng) if spoils else line) + b"\n"


def _frames_changed(data: bytes, rng: random.Random) -> Iterator[bytes]:
    """Headers are bytes to be changed, payloads are JSON; the sums are right."""
    if data[:1] == b"{":
        yield spoilt(data, rng)
        return
    for headers, payload in frames(data):
        choice = rng.random()
        if choice < 0.5:
            yield pack_raw(headers, spoilt(payload, rng))
        elif choice < 0.6:
            changed = bytearray(headers)
            for _ in range(rng.randint(1, 3)):
                changed[rng.randrange(len(changed))] = rng.randrange(256)
            yield pack_raw(bytes(changed), payload)
        elif choice < 0.65:
            yield struct.pack(">III", rng.randrange(1 << 32), rng.randrange(1 << 8), 0)
        else:
            yield pack_raw(headers, payload)


def whole_changed(name: str, answers: list[bytes], rng: random.Random) -> list[bytes]:
    """The same for a body that is not a stream."""
    return [spoilt(answers[-2], rng)]


def spoilt(raw: bytes, rng: random.Random) -> bytes:
    """JSON with one or two places changed; what is no JSON stays."""
    try:
        value = json.loads(raw)
    except ValueError:
        return raw
    return json.dumps(spoilt_value(value, rng)).encode()


def spoilt_value(value: Any, rng: random.Random) -> Any:
    """A JSON value with one or two places changed, the value given being left alone."""
    value = copy.deepcopy(value)
    for _ in range(rng.randint(1, 2)):
        places = list(_places(value))
        if not places:
            break
        holder, key = rng.choice(places)
        holder[key] = copy.deepcopy(rng.choice(VALUES))
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items: Any = enumerate(value) if isinstance(value, list) else ()
    for key, item in list(value.items() if isinstance(value, dict) else items):
        yield value, key
        if isinstance(item, (dict, list)):
            yield from _places(item)
