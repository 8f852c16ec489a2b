"""The declared differences among servers that speak Responses."""

from __future__ import annotations

from collections.abc import Mapping

from llmcli import schema
from llmcli.adapters import openai_embeddings, openai_lists

DIALECT: Mapping[str, schema.Check] = {
    **openai_lists.DIALECT,
    **openai_embeddings.DIALECT,
    "user": schema.one_of("safety_identifier", "user"),
    "schema": schema.one_of("text", "response_format"),
    "summary": schema.one_of("auto", "concise", "detailed", "none"),
    "encrypted_reasoning": schema.boolean,
    "input_tokens": schema.boolean,
    "cost": schema.one_of("cost_in_usd_ticks", "total_cost"),
}
