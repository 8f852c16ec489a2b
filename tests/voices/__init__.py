"""Voices: what a server of each wire format sends, written from its documentation alone."""

from __future__ import annotations

from spoken import CALL, SAID, THOUGHTS

from voices.anthropic import Anthropic
from voices.base import SseVoice, Voice
from voices.bedrock import Bedrock
from voices.cohere import Cohere
from voices.gemini import Gemini
from voices.ollama import Ollama
from voices.openai_chat import OpenAIChat
from voices.openai_responses import OpenAIResponses

_ALL: tuple[type[Voice], ...] = (
    OpenAIChat,
    OpenAIResponses,
    Anthropic,
    Gemini,
    Ollama,
    Cohere,
    Bedrock,
)
VOICES = {voice.adapter: voice for voice in _ALL}
NAMES = tuple(VOICES)
NEW = NAMES[1:]  # those that do not have the whole fault table to themselves
SSE = tuple(name for name, voice in VOICES.items() if issubclass(voice, SseVoice))


def recorded(name: str) -> tuple[bytes, int]:
    """A stream with all that can be cut, and the offset from which on its end marker is whole."""
    voice = VOICES[name]()
    head = [voice.begin(), *map(voice.thinks, THOUGHTS), voice.keepalive()]
    head += [voice.says(piece) for piece in SAID[:4]]
    voice.escaped = True
    head += [voice.says(piece) for piece in SAID[4:]]
    head.append(voice.calls(*CALL))
    told = b"".join([*head, voice.finish("tool_calls")])
    return told + voice.tail(), len(told) - voice.gap
