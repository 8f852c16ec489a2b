"""The declared differences among servers that speak Chat Completions."""

from __future__ import annotations

from collections.abc import Mapping

from llmcli import schema
from llmcli.adapters import openai_embeddings, openai_lists

DIALECT: Mapping[str, schema.Check] = {
    **openai_lists.DIALECT,
    **openai_embeddings.DIALECT,
    "max_tokens": schema.one_of("max_tokens", "max_completion_tokens"),
    "system_role": schema.one_of("system", "developer", "user"),
    "include_usage": schema.boolean,
    "effort": schema.one_of(
        "reasoning_effort", "reasoning", "thinking", "enable_thinking", "chat_template_kwargs"
    ),
    "replay": schema.one_of("none", "reasoning_content", "reasoning", "reasoning_details", "think"),
    "replay_when": schema.one_of("tool_calls", "always"),
    "tool_choice_required": schema.one_of("required", "any", "none"),
    "seed": schema.one_of("seed", "random_seed"),
    "output_excludes_reasoning": schema.boolean,
    "cost": schema.one_of("cost", "cost_in_usd_ticks"),
    "string_content": schema.boolean,
    "tool_ids": schema.one_of("any", "alnum9", "max40"),
    "think_tags": schema.boolean,
}
