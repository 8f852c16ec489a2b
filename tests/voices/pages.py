"""What servers answer to other questions than a chat: models, tokens, embeddings."""

from __future__ import annotations

import base64
import struct
from typing import Any

_PACKED = base64.b64encode(struct.pack("<3f", 0.5, -1.0, 2.0)).decode()
_OPENAI_MODELS = {
    "object": "list",
    "data": [
        {"id": "m-1", "object": "model", "created": 1_790_000_000, "owned_by": "x"},
        {"id": "m-2", "context_length": 8192, "meta": {"n_ctx": 4096}, "max_model_len": 8192},
        {"id": "m-3", "architecture": {"input_modalities": ["text", "image"]}, "pricing": {}},
    ],
}
_OPENAI_VECTORS = {
    "object": "list",
    "model": "m-1",
    "data": [
        {"object": "embedding", "index": 0, "embedding": [0.5, -1.0, 2]},
        {"object": "embedding", "index": 1, "embedding": _PACKED},
    ],
    "usage": {"prompt_tokens": 9, "total_tokens": 9},
}
_ANTHROPIC_MODEL = {
    "type": "model",
    "id": "m-1",
    "display_name": "M 1",
    "created_at": "2026-11-21T00:00:00Z",
    "max_input_tokens": 1_000_000,
    "max_tokens": 64_000,
    "capabilities": {
        "image_input": {"supported": True},
        "pdf_input": {"supported": True},
        "thinking": {"supported": True, "types": {"adaptive": {"supported": True}}},
    },
    "lifecycle": "active",
    "retires_at": "2027-11-21T00:00:00Z",
}
_GEMINI_MODEL = {
    "name": "models/m-1",
    "displayName": "M 1",
    "inputTokenLimit": 1_048_576,
    "outputTokenLimit": 65_536,
    "supportedGenerationMethods": ["generateContent", "countTokens", "embedContent"],
    "thinking": True,
}
_COHERE_MODEL = {
    "name": "m-1",
    "endpoints": ["chat", "embed"],
    "context_length": 256_000,
    "features": ["tools", "vision", "reasoning"],
    "is_deprecated": False,
}
_BEDROCK_MODEL = {
    "modelId": "x.m-1:0",
    "modelName": "M 1",
    "providerName": "X",
    "inputModalities": ["TEXT", "IMAGE"],
    "outputModalities": ["TEXT"],
    "responseStreamingSupported": True,
    "inferenceTypesSupported": ["ON_DEMAND"],
    "modelLifecycle": {"status": "ACTIVE"},
}

# What a body holds is named as the adapter's method that reads it: parse_models, parse_tokens …
PAGES: dict[str, dict[str, Any]] = {
    "openai-chat": {"models": _OPENAI_MODELS, "embeddings": _OPENAI_VECTORS},
    "openai-responses": {
        "models": _OPENAI_MODELS,
        "tokens": {"object": "response.input_tokens", "input_tokens": 9},
        "embeddings": _OPENAI_VECTORS,
    },
    "anthropic": {
        "models": {
            "data": [_ANTHROPIC_MODEL],
            "has_more": True,
            "first_id": "m-1",
            "last_id": "m-1",
        },
        "tokens": {"input_tokens": 9},
    },
    "gemini": {
        "models": {"models": [_GEMINI_MODEL], "nextPageToken": "t"},
        "tokens": {"totalTokens": 9, "promptTokensDetails": [{"modality": "TEXT"}]},
        "embeddings": {"embeddings": [{"values": [0.5, -1.0, 2]}, {"values": [1, 2, 3]}]},
    },
    "ollama": {
        "models": {
            "models": [
                {
                    "name": "m:1b",
                    "model": "m:1b",
                    "size": 5_000_000_000,
                    "details": {"family": "m", "parameter_size": "1B"},
                }
            ]
        },
        "model": {
            "capabilities": ["completion", "tools", "vision", "thinking"],
            "details": {"family": "m"},
            "model_info": {"general.architecture": "m", "m.context_length": 8192},
            "parameters": "num_ctx 4096\nstop END",
        },
        "embeddings": {
            "model": "m:1b",
            "embeddings": [[0.5, -1.0, 2], [1, 2, 3]],
            "prompt_eval_count": 9,
        },
    },
    "cohere": {
        "models": {"models": [_COHERE_MODEL], "next_page_token": "t"},
        "model": _COHERE_MODEL,
        "embeddings": {
            "id": "e1",
            "embeddings": {"float": [[0.5, -1.0, 2], [1, 2, 3]]},
            "texts": ["a", "b"],
            "meta": {"billed_units": {"input_tokens": 9}},
        },
    },
    "bedrock": {
        "models": {"modelSummaries": [_BEDROCK_MODEL], "nextToken": "t"},
        "tokens": {"inputTokens": 9},
    },
}
