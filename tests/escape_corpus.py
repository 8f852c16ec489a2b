"""Escape sequences that text from a model must never get to a terminal, and ways to wrap them."""

from __future__ import annotations

from itertools import product

ESC, BEL, ST = "\x1b", "\x07", "\x1b\\"

_CSI = [
    *"ABCDEFGHJKLMPSTXZ@`adefgmnrsu",
    *(f"{n}{c}" for n, c in product((0, 2, 9999), "ABCDHJKPSTXr")),
    *(f"?{n}{c}" for n, c in product((1, 5, 6, 7, 25, 47, 1000, 1049, 2004, 2026), "hl")),
    *("5;31;41m", "38;5;196m", "38;2;1;2;3m", "7m", "01;31m", "8m", "m", "31m"),
    *("1;1H", "10;20r", ">c", "6n", "?6n", "5i", "4i", "!p", "14t", "18t", "21t", "8;1;1t"),
    *('"q', '0"', "2$|", "?1;2c", "=c", ">4;2m", "?u", "1;1;1;1$z"),
]
_OSC = [
    "0;title",
    "1;icon",
    "2;title",
    "4;1;#ff0000",
    "7;file://host/tmp",
    "8;;http://evil.example",
    "8;id=1;http://evil.example",
    "9;note",
    "9;4;1;50",
    "10;#000000",
    "11;?",
    "12;red",
    "50;font",
    "52;c;aGFja2Vk",
    "52;p;?",
    "104",
    "110",
    "133;A",
    "777;notify;a;b",
    "1337;File=inline=1:AAAA",
    "1337;SetMark",
    "3008;start=1",
    "L;x",
    "l;x",
]
_STRINGS = [f"{c}{body}" for c, body in product("PX^_", ("q#0;2;0;0;0", "+q544e", "x", "$qm", ""))]
_SIMPLE = [*"78=>cDEHMNOZn|}~lm", "#8", "(0", "(B", ")0", "%G", "%@", " F", "[[A", "]", "[", ""]
_C0 = [chr(n) for n in range(32) if chr(n) not in "\t\n\r\x1b"] + ["\r", "a\rb", "\x7f"]
_C1 = [chr(n) for n in range(0x80, 0xA0)]
_BIDI = list("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_TAGS = ["\U000e0001", "\U000e0020", "\U000e0041\U000e0042\U000e007f"]

SEQUENCES = [
    *(f"{ESC}[{rest}" for rest in _CSI),
    *(f"\x9b{rest}" for rest in ("2J", "31m", "H", "?1049h", "6n", "5i")),
    *(f"{ESC}]{rest}{end}" for rest, end in product(_OSC, (BEL, ST, "\x9c", ""))),
    *(f"\x9d{rest}{end}" for rest, end in product(_OSC[:8], (BEL, "\x9c"))),
    *(f"{ESC}{rest}{end}" for rest, end in product(_STRINGS, (ST, "\x9c", ""))),
    *(f"{c}1;2x\x9c" for c in "\x90\x98\x9e\x9f"),
    *(f"{ESC}{rest}" for rest in _SIMPLE),
    *(f"{ESC}{ESC}{rest}" for rest in ("[2J", "]0;x", "")),
    f"{ESC}[{'1;' * 60}m",
    f"{ESC}[3{BEL}1m",
    f"{ESC}[3\n1m",
    f"{ESC}]0;a\nb{BEL}",
    *_C0,
    *_C1,
    *_BIDI,
    *_TAGS,
    "\ud800",
]

CONTEXTS = {
    "text": "a {} b",
    "bold": "**a {} b** c",
    "code span": "`{}`",
    "link": "[{0}](http://x/{0})",
    "heading": "# {}\n",
    "item": "- {}\n",
    "fence": "```python\nx = '{}'\n```\n",
    "info": "```{}\nx\n```\n",
    "table": "| {0} | b |\n|--|--|\n| a | {0} |\n\n",
    "start": "{}",
}
