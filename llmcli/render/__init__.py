"""How an answer reaches the screen: events in; text, Markdown or JSON out."""

from __future__ import annotations

from llmcli.render.display import Display, Renderer

__all__ = ["Display", "Renderer", "choose"]


def choose(settings: Display) -> Renderer:
    """The renderer for these settings; only what it needs is imported."""
    if settings.mode == "markdown":
        from llmcli.render.markdown import Markdown

        return Markdown(settings)
    if settings.mode == "json":
        from llmcli.render.jsonl import Json

        return Json(settings)
    if settings.mode == "jsonl":
        from llmcli.render.jsonl import JsonLines

        return JsonLines(settings)
    if settings.mode == "code":
        from llmcli.render.code import Code

        return Code(settings)
    from llmcli.render.plain import Plain

    return Plain(settings)
