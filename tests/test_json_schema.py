"""The check of an answer against the schema that was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from llmcli.json_schema import mismatch

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": ["integer", "null"]},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}},
    },
    "required": ["name"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"name": "x"}, ""),
        ({"name": "x", "age": None, "tags": ["a", "b"]}, ""),
        ({"name": "x", "age": 3.0}, ""),
        ([], "the answer is no object"),
        ({}, 'the answer lacks "name"'),
        ({"name": 1}, "the answer.name is no string"),
        ({"name": "x", "age": True}, "the answer.age is no integer or null"),
        ({"name": "x", "age": 1.5}, "the answer.age is no integer or null"),
        ({"name": "x", "tags": ["a", "c"]}, "the answer.tags[1] is none of the values allowed"),
        ({"name": "x", "more": 1}, "the answer.more must not be there"),
    ],
)
def test_person(value: Any, words: str) -> None:
    """The first thing that breaks the schema is told with its place."""
    assert mismatch(value, PERSON) == words


@pytest.mark.parametrize(
    ("value", "schema", "met"),
    [
        (1, {"const": 1}, True),
        (2, {"const": 1}, False),
        ("x", {"anyOf": [{"type": "number"}, {"type": "string"}]}, True),
        ([], {"anyOf": [{"type": "number"}, {"type": "string"}]}, False),
        (1, {"type": "number", "minimum": 5}, True),
        ({"a": 1}, {"additionalProperties": {"type": "string"}}, False),
        (1, {"type": "novel"}, True),
        (1, True, True),
        (True, {"type": "number"}, False),
    ],
)
def test_keywords(value: Any, schema: Any, met: bool) -> None:
    """Known keywords count; unknown ones are taken as met."""
    assert (mismatch(value, schema) == "") == met
