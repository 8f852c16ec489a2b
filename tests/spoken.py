"""What the answers of the tests say, in whatever wire format they are told."""

from __future__ import annotations

PIECES = ("Hello", " wörld", " 🌍", ", and", " goodbye.")
TEXT = "".join(PIECES)
PARTIAL = "".join(PIECES[:3])
MODEL = "m-2026"
THOUGHTS = ("Let me ", "think: 猫 ", "\N{CAT FACE}.")
SAID = (
    'Sure.\n\n```json\n{"a": "\\u00e9"}\n```',
    "\ttab ",
    '"quoted" \\ slash / ',
    "e\u0301 ",
    "👩\u200d👩\u200d👧 ",
    "\u2028\u0085 ",
    "Ende – 終わり.",
)
CALL = ("call_1", "get_time", ('{"zone": ', '"Côte 🌍"', "}"))
