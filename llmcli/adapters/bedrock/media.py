"""Attachments to blocks: which media types Converse takes, and what it calls them.

The formats are those of https://docs.aws.amazon.com/bedrock/latest/APIReference/
API_runtime_ContentBlock.html (2026-11-21).
"""

from __future__ import annotations

import base64
import re
from typing import Any

from llmcli.errors import UsageError
from llmcli.messages import Media

_OFFICE = "application/vnd.openxmlformats-officedocument."
_FORMATS = {
    "image/png": ("image", "png"),
    "image/jpeg": ("image", "jpeg"),
    "image/gif": ("image", "gif"),
    "image/webp": ("image", "webp"),
    "application/pdf": ("document", "pdf"),
    "text/csv": ("document", "csv"),
    "text/html": ("document", "html"),
    "text/markdown": ("document", "md"),
    "application/json": ("document", "txt"),
    "application/msword": ("document", "doc"),
    _OFFICE + "wordprocessingml.document": ("document", "docx"),
    "application/vnd.ms-excel": ("document", "xls"),
    _OFFICE + "spreadsheetml.sheet": ("document", "xlsx"),
    "audio/mpeg": ("audio", "mp3"),
    "audio/mp3": ("audio", "mp3"),
    "audio/wav": ("audio", "wav"),
    "audio/x-wav": ("audio", "wav"),
    "audio/flac": ("audio", "flac"),
    "audio/ogg": ("audio", "ogg"),
    "audio/aac": ("audio", "aac"),
    "audio/mp4": ("audio", "m4a"),
    "audio/webm": ("audio", "webm"),
    "video/mp4": ("video", "mp4"),
    "video/quicktime": ("video", "mov"),
    "video/x-matroska": ("video", "mkv"),
    "video/webm": ("video", "webm"),
    "video/mpeg": ("video", "mpeg"),
}
_NAME_LIMIT = 200


def block(media: Media, names: set[str]) -> dict[str, Any]:
    """The block of an attachment; `names` are those of documents so far, each only used once.

    Raises UsageError for what cannot be sent.
    """
    text = ("document", "txt") if media.media_type.startswith("text/") else None
    found = _FORMATS.get(media.media_type, text)
    if found is None:
        raise UsageError(f"{media.name or 'attachment'}: {media.media_type} cannot be sent")
    kind, form = found
    source = {"bytes": base64.b64encode(media.data).decode()}
    if kind != "document":
        return {kind: {"format": form, "source": source}}
    return {kind: {"format": form, "name": _name(media.name, names), "source": source}}


def _name(name: str, taken: set[str]) -> str:
    """A document's name: letters, digits, spaces, hyphens and brackets; no dots, no twins."""
    stem = name.rpartition(".")[0] or name
    allowed = re.sub(r"[^A-Za-z0-9()\[\] -]+", "-", stem)
    clean = re.sub(r" +", " ", allowed)[: _NAME_LIMIT - 10].strip(" -") or "document"
    number, found = 1, clean
    while found in taken:
        number += 1
        found = f"{clean} ({number})"
    taken.add(found)
    return found
