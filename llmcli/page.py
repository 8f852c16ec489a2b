"""An HTML page that needs nothing else: no script, no network, no font.

Whatever the escaping might miss, its Content-Security-Policy allows no script, no request, and no
style but its own: https://www.w3.org/TR/CSP3/ (2026-11-21).
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1 dir="auto">{title}</h1>
<p class="facts">{facts}</p>
</header>
<main>
{main}
</main>
{footer}</body>
</html>
"""


def page(
    title: str, facts: str, main: str, style: str, *, foot: str = "", images: bool = False
) -> str:
    """The page; title and foot are plain text, `facts` and `main` are HTML already.

    With `images` they may be in it as `data:` URLs.
    """
    digest = b64encode(sha256(style.encode()).digest()).decode("ascii")
    return _PAGE.format(
        policy=f"default-src 'none'; {'img-src data:; ' if images else ''}"
        f"style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        title=escape(title),
        style=style,
        facts=facts,
        main=main,
        footer=f'<footer><p class="facts">{escape(foot)}</p></footer>\n' if foot else "",
    )
