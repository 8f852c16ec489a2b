"""Row 54: what servers of each wire format were seen to do, or may do by its documentation.

Written from the documentation alone, not from the adapters: a second reading of the protocols.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hearing import Heard, hear
from spoken import MODEL
from voices.anthropic import Anthropic
from voices.bedrock import Bedrock
from voices.cohere import Cohere
from voices.gemini import Gemini
from voices.ollama import Ollama
from voices.openai_responses import OpenAIResponses

from llmcli.errors import ContentFiltered, ProtocolError


def _said(heard: Heard) -> tuple[str, str, str]:
    assert heard.error is None, heard.error
    return heard.text, heard.reasoning, heard.finish


def _counts(heard: Heard) -> tuple[int | None, ...]:
    """Input, output, read from and written to the cache, reasoning."""
    assert heard.usage is not None, heard
    return tuple(heard.usage[:5])


def _arguments(heard: Heard) -> list[tuple[str, Any]]:
    return [(call[2], json.loads(call[3])) for call in heard.calls]


class TestResponses:
    """A terminal event repeats the whole answer; some servers send little before it."""

    def test_text_in_the_terminal_event_only(self) -> None:
        """Perplexity was seen to do so, with null in fields that are lists elsewhere."""
        voice = OpenAIResponses()
        end = voice.typed("response.completed", response={**voice.whole("all"), "id": None})
        assert _said(hear(voice.adapter, [voice.begin() + end])) == ("all", "", "stop")

    def test_items_done_without_deltas(self) -> None:
        voice = OpenAIResponses()
        (item,) = voice.whole("all")["output"]
        call = {"type": "function_call", "id": "fc", "call_id": "c", "name": "f"}
        done = [item, {**call, "arguments": '{"x":1}', "status": "completed"}]
        told = [
            voice.typed("response.output_item.done", output_index=index, item=each)
            for index, each in enumerate(done)
        ]
        end = voice.typed("response.completed", response={**voice.whole(), "output": done})
        heard = hear(voice.adapter, [voice.begin(), *told, end])
        assert _said(heard) == ("all", "", "tool_calls")
        assert _arguments(heard) == [("f", {"x": 1})]

    def test_arguments_in_done_only(self) -> None:
        voice = OpenAIResponses()
        data = voice.begin() + voice.calls("c", "f", ['{"x":1}']) + voice.ends()
        events = data.split(b"\n\n")
        kept = [event for event in events if b"arguments.delta" not in event]
        assert len(kept) == len(events) - 1
        heard = hear(voice.adapter, [b"\n\n".join(kept)])
        assert _arguments(heard) == [("f", {"x": 1})]

    def test_parts_of_a_summary_are_paragraphs(self) -> None:
        voice = OpenAIResponses()
        data = [voice.begin(), voice.thinks("one")]
        place = {"item_id": "rs_0", "output_index": 0, "summary_index": 1}
        data.append(voice.typed("response.reasoning_summary_text.delta", **place, delta="two"))
        heard = hear(voice.adapter, [*data, voice.says("hi"), voice.ends()])
        assert _said(heard) == ("hi", "one\n\ntwo", "stop")

    def test_reasoning_of_open_models(self) -> None:
        voice = OpenAIResponses()
        told = voice.typed("response.reasoning_text.delta", item_id="rs", output_index=0, delta="h")
        heard = hear(voice.adapter, [voice.begin(), told, voice.says("hi"), voice.ends()])
        assert _said(heard)[:2] == ("hi", "h")

    def test_a_refusal(self) -> None:
        voice = OpenAIResponses()
        told = voice.typed("response.refusal.delta", item_id="m", output_index=0, delta="I cannot.")
        heard = hear(voice.adapter, [voice.begin(), told, voice.ends()])
        assert _said(heard) == ("I cannot.", "", "refusal")

    def test_parallel_calls_told_in_turns(self) -> None:
        """Fragments of two calls may alternate; the place of the item tells them apart."""
        voice = OpenAIResponses()
        names = ("f", "g")
        items = [
            {"type": "function_call", "id": f"fc_{n}", "call_id": "call_0", "name": n}
            for n in names
        ]
        data = [voice.begin()]
        for index, item in enumerate(items):
            added = {"output_index": index, "item": {**item, "arguments": ""}}
            data.append(voice.typed("response.output_item.added", **added))
        for piece in ('{"x"', ":1}"):
            for index in (0, 1):
                event = "response.function_call_arguments.delta"
                data.append(voice.typed(event, output_index=index, delta=piece))
        heard = hear(voice.adapter, [*data, voice.ends()])
        assert _arguments(heard) == [("f", {"x": 1}), ("g", {"x": 1})]
        assert heard.finish == "tool_calls"
        assert len({call[1] for call in heard.calls}) == 2, "ids to tell results apart"

    def test_cached_and_reasoning_tokens(self) -> None:
        voice = OpenAIResponses()
        usage = {
            "input_tokens": 7,
            "input_tokens_details": {"cached_tokens": 161, "cache_write_tokens": None},
            "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 3},
        }
        end = voice.typed("response.completed", response={**voice.whole("x"), "usage": usage})
        assert _counts(hear(voice.adapter, [end])) == (7, 5, 7, None, 3)


class TestAnthropic:
    """Compatible servers leave out much."""

    def test_input_and_cache_are_added(self) -> None:
        voice = Anthropic(None)
        usage = {"input_tokens": 9, "output_tokens": 5}
        usage |= {"cache_creation_input_tokens": 20, "cache_read_input_tokens": 100}
        end = voice.typed("message_delta", delta={"stop_reason": "end_turn"}, usage=usage)
        data = [voice.begin(), voice.says("hi"), end, voice.typed("message_stop")]
        assert _counts(hear(voice.adapter, data)) == (129, 5, 100, 20, None)

    def test_a_later_report_replaces_what_it_names(self) -> None:
        voice = Anthropic((9, 5))
        reports = ({"output_tokens": 3}, {"output_tokens": 8, "cache_read_input_tokens": 4})
        none = {"stop_reason": None}
        told = [voice.typed("message_delta", delta=none, usage=usage) for usage in reports]
        data = [voice.begin(), voice.says("hi"), *told, voice.ends()]
        assert _counts(hear(voice.adapter, data))[:3] == (13, 5, 4)

    def test_text_in_the_start_of_a_block(self) -> None:
        voice = Anthropic()
        block = {"type": "text", "text": "He"}
        data = [voice.begin(), voice.typed("content_block_start", index=0, content_block=block)]
        delta = {"type": "text_delta", "text": "llo"}
        data.append(voice.typed("content_block_delta", index=0, delta=delta))
        assert _said(hear(voice.adapter, [*data, voice.ends()])) == ("Hello", "", "stop")

    def test_input_in_the_start_of_a_block(self) -> None:
        """It counts where no fragment comes."""
        voice = Anthropic()
        block = {"type": "tool_use", "id": "t1", "name": "f", "input": {"x": 1}}
        data = voice.begin() + voice.typed("content_block_start", index=0, content_block=block)
        data += voice.typed("content_block_stop", index=0) + voice.ends("tool_calls")
        assert _arguments(hear(voice.adapter, [data])) == [("f", {"x": 1})]

    def test_only_a_signature(self) -> None:
        """Thinking that is not shown still has to be sent back."""
        voice = Anthropic()
        heard = hear(
            voice.adapter, [voice.begin(), voice.thinks(""), voice.says("x"), voice.ends()]
        )
        assert (heard.text, heard.opaque) == ("x", 1)

    def test_thinking_that_is_redacted(self) -> None:
        voice = Anthropic()
        block = {"type": "redacted_thinking", "data": "Eq"}
        data = voice.begin() + voice.typed("content_block_start", index=70, content_block=block)
        data += voice.typed("content_block_stop", index=70) + voice.says("hi") + voice.ends()
        heard = hear(voice.adapter, [data])
        assert _said(heard) == ("hi", "", "stop")
        assert heard.opaque == 1

    @pytest.mark.parametrize("left_out", [b"message_start", b"content_block_st"])
    def test_events_that_are_left_out(self, left_out: bytes) -> None:
        voice = Anthropic()
        events = voice.answer(["hi"]).split(b"\n\n")
        kept = [event for event in events if left_out not in event]
        assert len(kept) < len(events)
        assert _said(hear(voice.adapter, [b"\n\n".join(kept)]))[0] == "hi"


class TestGemini:
    """A chunk may lack anything."""

    def test_thoughts_are_output(self) -> None:
        voice = Gemini()
        usage = {"promptTokenCount": 9, "toolUsePromptTokenCount": 2, "candidatesTokenCount": 5}
        usage |= {"thoughtsTokenCount": 12, "cachedContentTokenCount": 50, "totalTokenCount": 28}
        body = {**voice.whole("hi"), "usageMetadata": usage}
        assert _counts(hear(voice.adapter, [voice.frame(body)])) == (11, 17, 11, None, 12)

    def test_a_blocked_prompt(self) -> None:
        body = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "modelVersion": MODEL}
        heard = hear("gemini", [Gemini().frame(body)])
        assert isinstance(heard.error, ContentFiltered)
        assert "PROHIBITED_CONTENT" in heard.error.message

    @pytest.mark.parametrize("candidate", [{}, {"content": {}}, {"content": {"parts": []}}])
    def test_a_reason_without_content(self, candidate: dict[str, Any]) -> None:
        told = Gemini().frame({"candidates": [{**candidate, "finishReason": "SAFETY"}]})
        heard = hear("gemini", [Gemini().says("so far") + told])
        assert _said(heard) == ("so far", "", "content_filter")

    def test_two_calls_in_a_chunk_without_ids(self) -> None:
        calls = [{"functionCall": {"name": n, "args": {"x": 1}}} for n in ("f", "f")]
        body = {"candidates": [{"content": {"parts": calls}, "finishReason": "STOP"}]}
        heard = hear("gemini", [Gemini().frame(body)])
        assert heard.finish == "tool_calls"
        assert _arguments(heard) == [("f", {"x": 1})] * 2
        assert len({call[1] for call in heard.calls}) == 2

    def test_a_signature_on_an_empty_part(self) -> None:
        part = {"text": "", "thoughtSignature": "Ci"}
        body = {"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]}
        heard = hear("gemini", [Gemini().says("hi") + Gemini().frame(body)])
        assert (heard.text, heard.opaque) == ("hi", 1)

    def test_no_text_because_of_the_limit(self) -> None:
        body = {"candidates": [{"finishReason": "MAX_TOKENS", "index": 0}]}
        heard = hear("gemini", [Gemini().thinks("hm") + Gemini().frame(body)])
        assert (heard.text, heard.finish) == ("", "length")

    @pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "MISSING_THOUGHT_SIGNATURE"])
    def test_a_reason_that_is_a_failure(self, reason: str) -> None:
        body = {"candidates": [{"finishReason": reason, "finishMessage": "MARK"}]}
        heard = hear("gemini", [Gemini().frame(body)])
        assert heard.error
        assert reason in heard.error.message or "MARK" in heard.error.message


class TestOllama:
    """One line may hold everything."""

    def test_everything_in_one_line(self) -> None:
        call = {"function": {"name": "f", "arguments": {"x": 1}}}
        message = {"role": "assistant", "content": "hi", "thinking": "hm", "tool_calls": [call]}
        heard = hear("ollama", [Ollama().frame({**Ollama().whole(), "message": message})])
        assert _said(heard) == ("hi", "hm", "tool_calls")
        assert _arguments(heard) == [("f", {"x": 1})]

    def test_calls_in_several_lines_get_ids_of_their_own(self) -> None:
        calls = Ollama().calls("", "f", ["{}"]) + Ollama().calls("", "f", ["{}"])
        heard = hear("ollama", [calls + Ollama().ends()])
        assert len({call[1] for call in heard.calls}) == 2

    def test_a_prompt_that_was_cached_is_not_counted(self) -> None:
        body = Ollama().whole("hi")
        del body["prompt_eval_count"]
        assert _counts(hear("ollama", [Ollama().frame(body)]))[:2] == (None, 5)

    @pytest.mark.parametrize("reason", ["load", "unload"])
    def test_only_loaded(self, reason: str) -> None:
        """Nothing was generated: no answer."""
        body = {**Ollama().whole(""), "done_reason": reason}
        heard = hear("ollama", [Ollama().frame(body)])
        assert isinstance(heard.error, ProtocolError)

    @pytest.mark.parametrize("done", ["true", 1, None, "yes"])
    def test_done_is_true_and_nothing_else(self, done: object) -> None:
        heard = hear("ollama", [Ollama().frame({**Ollama().whole("hi"), "done": done})])
        assert heard.error


class TestCohere:
    """Plans, and counts that do not fit together."""

    def test_a_plan_is_reasoning(self) -> None:
        voice = Cohere()
        plan = {"message": {"tool_plan": "I will"}}
        data = voice.begin() + voice.typed("tool-plan-delta", delta=plan)
        data += voice.calls("c1", "f", ['{"x":1}']) + voice.ends("tool_calls")
        heard = hear(voice.adapter, [data])
        assert _said(heard) == ("", "I will", "tool_calls")
        assert _arguments(heard) == [("f", {"x": 1})]

    def test_more_cached_than_billed(self) -> None:
        body = Cohere().whole("hi")
        body["usage"]["cached_tokens"] = 64
        assert _counts(hear("cohere", [json.dumps(body).encode()], stream=False))[:3] == (9, 5, 9)

    @pytest.mark.parametrize("reason", ["ERROR", "TIMEOUT"])
    def test_a_reason_that_is_a_failure(self, reason: str) -> None:
        voice = Cohere()
        data = voice.typed("message-end", delta={"finish_reason": reason})
        assert hear("cohere", [voice.partial() + data + voice.tail()]).error

    def test_done_alone_is_no_end(self) -> None:
        heard = hear("cohere", [Cohere().partial() + Cohere().tail()])
        assert isinstance(heard.error, ProtocolError)

    def test_two_calls(self) -> None:
        voice = Cohere()
        data = voice.begin() + voice.calls("a", "f", ['{"x"', ":1}"]) + voice.calls("b", "g", [])
        heard = hear(voice.adapter, [data + voice.ends("tool_calls")])
        assert _arguments(heard) == [("f", {"x": 1}), ("g", {})]


class TestBedrock:
    """The usage comes last, and the cache is counted beside the input."""

    def test_input_and_cache_are_added(self) -> None:
        voice = Bedrock()
        usage = {"inputTokens": 9, "outputTokens": 5, "totalTokens": 134}
        usage |= {"cacheReadInputTokens": 100, "cacheWriteInputTokens": 20}
        data = b"".join([*voice.texts(), voice.finish(), voice.frame({"usage": usage}, "metadata")])
        assert _counts(hear("bedrock", [data])) == (129, 5, 100, 20, None)

    def test_usage_is_no_end(self) -> None:
        voice = Bedrock()
        heard = hear("bedrock", [voice.partial() + voice.tail()])
        assert isinstance(heard.error, ProtocolError)

    def test_usage_before_the_end(self) -> None:
        voice = Bedrock()
        data = b"".join(voice.texts(["hi"])) + voice.tail() + voice.finish()
        heard = hear("bedrock", [data])
        assert _said(heard) == ("hi", "", "stop")
        assert _counts(heard)[:2] == (9, 5)

    def test_reasoning_that_is_redacted(self) -> None:
        voice = Bedrock()
        delta = {"reasoningContent": {"redactedContent": "Eq=="}}
        frame = voice.frame({"contentBlockIndex": 7, "delta": delta}, "contentBlockDelta")
        heard = hear("bedrock", [voice.begin() + frame + voice.says("hi") + voice.ends()])
        assert (heard.text, heard.reasoning, heard.opaque) == ("hi", "", 1)

    @pytest.mark.parametrize("reason", ["malformed_model_output", "malformed_tool_use"])
    def test_a_reason_that_is_a_failure(self, reason: str) -> None:
        voice = Bedrock()
        stop = voice.frame({"stopReason": reason}, "messageStop")
        assert hear("bedrock", [voice.partial() + stop + voice.tail()]).error

    def test_two_calls_at_once(self) -> None:
        voice = Bedrock()
        data = voice.begin() + voice.calls("a", "f", ['{"x"', ":1}"]) + voice.calls("b", "g", [])
        heard = hear("bedrock", [data + voice.ends("tool_calls")])
        assert _arguments(heard) == [("f", {"x": 1}), ("g", {})]
