"""Bodies of requests against what the vendors publish: their typed parameters, their models."""

from __future__ import annotations

import base64
import functools
from collections.abc import Callable, Mapping
from typing import Any

import botocore.session
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from botocore.validate import ParamValidator
from google.genai import types
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from pydantic import TypeAdapter
from pydantic_core import SchemaValidator

_BLOBS = ("bytes", "redactedContent")


@functools.cache
def validator(kind: Any) -> SchemaValidator:
    """What checks a body against typed parameters, unknown fields included."""
    return SchemaValidator(_strict(TypeAdapter(kind).core_schema))


def _strict(schema: Any) -> Any:
    """A pydantic schema that forbids unknown fields, and checks lists at once instead of lazily."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _strict(value) for key, value in schema.items()}
    if found.get("type") == "generator":
        found["type"] = "list"
    if found.get("type") == "typed-dict":
        found["extra_behavior"] = "forbid"
    return found


def _typed(kind: Any) -> Callable[[Mapping[str, Any]], None]:
    def check(body: Mapping[str, Any]) -> None:
        validator(kind).validate_python(body)

    return check


def _gemini(body: Mapping[str, Any]) -> None:
    for content in body["contents"]:
        types.Content(**content)
    if "systemInstruction" in body:
        types.Content(**body["systemInstruction"])


def _bedrock(body: Mapping[str, Any]) -> None:
    shape = _converse().operation_model("ConverseStream").input_shape
    report = ParamValidator().validate({"modelId": "m", **with_bytes(body)}, shape)
    assert not report.has_errors(), report.generate_report()


@functools.cache
def _converse() -> Any:
    return botocore.session.Session().get_service_model("bedrock-runtime")


def with_bytes(value: Any) -> Any:
    """The body with its base64 decoded, as botocore takes it."""
    if isinstance(value, list):
        return [with_bytes(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {
        key: base64.b64decode(item, validate=True) if key in _BLOBS else with_bytes(item)
        for key, item in value.items()
    }


OFFICIAL: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    "openai-chat": _typed(CompletionCreateParamsStreaming),
    "openai-responses": _typed(ResponseCreateParamsStreaming),
    "anthropic": _typed(MessageCreateParamsStreaming),
    "gemini": _gemini,
    "bedrock": _bedrock,
}
