"""The languages whose code is coloured, and their lexers."""

from __future__ import annotations

from typing import Any, TypeAlias

from llmcli.errors import LlmError

Kind: TypeAlias = Any  # pygments has no types of its own; its kinds of token are tuples of names

_COMMENT = ("Comment",)
LONGEST = 400  # characters in a line worth colouring

# By their first alias: lexers that were tried on nasty lines. Of the others some need exponential
# time for one, or never end.
_NAMES = """
ada apacheconf awk bash batch c caddyfile clojure cmake cobol common-lisp console cpp cr csharp
css cuda d dart delphi diff django docker ebnf elixir emacs-lisp erb erlang fish fortran fsharp
gdscript glsl go graphql groovy haskell hlsl html http ini java javascript json json5 jsx julia
kotlin less lua make markdown matlab mysql nasm nginx nimrod nixos objective-c ocaml octave perl
php postgresql powershell prolog properties protobuf pycon python racket restructuredtext ruby
rust sass scala scheme scss solidity splus sql swift systemd tcl terraform tex toml tsx
typescript vb.net verilog vhdl vim vue xml yaml zig
"""
LANGUAGES = frozenset(_NAMES.split())
_ALIASES = {"patch": "diff", "jsonc": "json5", "jsonl": "json", "svg": "xml", "gradle": "groovy"}


def lexer(language: str) -> Any | None:
    """The lexer of a language by any of its names, or None; it keeps the code as it is."""
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
    from pygments.util import ClassNotFound  # type: ignore[import-untyped]

    name = language.lower()
    try:
        found = get_lexer_by_name(_ALIASES.get(name, name), stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
    return found if found.aliases[0] in LANGUAGES else None


def _goes_on(token: Kind) -> bool:
    """Whether a token of this kind that takes in the end of the line goes on in the next one."""
    return token[:2] in (("Literal", "String"), ("Comment", "Multiline"))


class Code:
    """One block of code, taken apart line by line in order.

    A lexer keeps no state between calls, so the line that opened a string or comment is lexed
    again before each line inside it.
    """

    def __init__(self, lexer: Any) -> None:
        self._lexer = lexer
        self._opening = ""
        self._in_comment = False

    def line(self, text: str) -> list[tuple[str, Kind]]:
        """The line, without its newline, in pieces of a kind that are together the line itself."""
        if self._in_comment or text.lstrip().startswith("/*"):
            self._in_comment = "*/" not in text
            return [(text, _COMMENT)]
        begun = len(self._opening)
        source = self._opening + text + "\n"
        pieces: list[tuple[str, Kind]] = []
        last: Kind = None
        for start, token, value in self._tokens(source):
            if start + len(value) > begun:
                pieces.append((value[max(begun - start, 0) :], token))
                last = token if value.endswith("\n") else None
        if "".join(piece for piece, _ in pieces) != text + "\n":
            return [(text, ())]
        self._remember(text, last)
        pieces[-1] = pieces[-1][0][:-1], pieces[-1][1]
        return pieces

    def _tokens(self, source: str) -> list[tuple[int, Kind, str]]:
        try:
            return list(self._lexer.get_tokens_unprocessed(source))
        except LlmError:
            raise  # Ctrl-C
        except Exception:  # noqa: BLE001 - a bug of a lexer costs the colours, not the answer
            return []

    def _remember(self, text: str, last: Kind) -> None:
        if last is None or not _goes_on(last):
            self._opening = ""
        elif not self._opening:
            self._opening = text + "\n"
