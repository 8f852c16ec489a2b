"""Limits of a batch: workers, calls and tokens in a minute, refusals that all workers heed."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from batch_server import BatchServer
from running import Result
from support import Llm

from llmcli.batch.governor import Governor
from llmcli.batch.limits import Limit, read


@pytest.fixture
def server(llm: Llm) -> Iterator[BatchServer]:
    """The default model."""
    with BatchServer() as started:
        started.provide(llm)
        yield started


def batch(llm: Llm, count: int, *arguments: str) -> Result:
    """Run so many prompts of one word."""
    (llm.root / "in.txt").write_text("".join(f"p{n}\n" for n in range(count)))
    return llm("batch", "in.txt", "-o", "out.jsonl", *arguments)


@pytest.mark.parametrize("jobs", [1, 5])
def test_workers(llm: Llm, server: BatchServer, jobs: int) -> None:
    """As many at once as -j says, and no more."""
    server.set(latency=0.02)
    assert batch(llm, 30, "-j", str(jobs)).code == 0
    assert server.stats()["high"] == jobs


def test_calls_in_a_minute(llm: Llm, server: BatchServer) -> None:
    """They begin evenly spread, however many workers there are."""
    assert batch(llm, 11, "-j", "8", "--rpm", "1200").code == 0
    times = server.stats()["times"]
    assert times[-1] - times[0] >= 10 * 0.05 - 0.03


def test_tokens_in_a_minute(llm: Llm, server: BatchServer) -> None:
    """What a call has used is paid for in time before the next one."""
    server.set(answer="word " * 50)
    assert batch(llm, 5, "-j", "4", "--tpm", "30000", "-O", "max_output_tokens=50").code == 0
    times = server.stats()["times"]
    assert times[-1] - times[0] >= 4 * 51 / 500 - 0.05


def test_all_wait_as_long_as_the_server_asks(llm: Llm, server: BatchServer) -> None:
    """One is refused with Retry-After: nobody calls until then."""
    server.set(latency=0.02, retry_after="1", pause_at=20)
    assert batch(llm, 60, "-j", "8").code == 0
    stats = server.stats()
    gaps = [b - a for a, b in itertools.pairwise(stats["times"])]
    # Until the refusal has come back, others may begin; those that run are not stopped.
    assert max(gaps) > 0.9
    before = stats["times"][: gaps.index(max(gaps)) + 1]
    assert 20 <= len(before) <= 20 + 2 * 8
    assert stats["requests"] == 61


def test_no_storm(llm: Llm, server: BatchServer) -> None:
    """A server that takes 40 calls a second is not run over by 32 workers."""
    server.set(latency=0.01, per_second=40, retry_after="1")
    assert batch(llm, 120, "-j", "32").code == 0
    stats = server.stats()
    assert stats["distinct"] == 120
    assert stats["refused"] <= 40
    assert stats["per_second"] <= 80


def test_fewer_at_once_where_the_server_refuses(llm: Llm, server: BatchServer) -> None:
    """Without Retry-After the number of calls falls to what is taken."""
    server.set(latency=0.02, most=4)
    assert batch(llm, 150, "-j", "32").code == 0
    stats = server.stats()
    assert stats["distinct"] == 150
    assert stats["refused"] < 75


def test_the_headers_of_answers(llm: Llm, server: BatchServer) -> None:
    """Where nothing is left, the next call begins when one more is there."""
    server.set(
        headers={
            "x-ratelimit-limit-requests": "60",
            "x-ratelimit-remaining-requests": "0",
            "x-ratelimit-reset-requests": "6s",
        }
    )
    assert batch(llm, 6, "-j", "2").code == 0
    times = server.stats()["times"]
    assert times[-1] - times[1] >= 3 * 0.1


def test_a_wait_that_is_too_long(llm: Llm, server: BatchServer) -> None:
    """A quota that comes back tomorrow stops the batch: exit 5, and how to go on."""
    server.set(retry_after="86400", pause_at=5, latency=0.02)
    done = batch(llm, 40, "-j", "2")
    assert done.code == 5
    assert "not asked" in done.err
    assert server.stats()["requests"] <= 8


def test_a_refusal_at_the_start_tells_no_pace(llm: Llm, server: BatchServer) -> None:
    """Another program may have used up the minute: after the pause it is asked as before."""
    server.set(latency=0.02, retry_after="1", pause_at=4)
    assert batch(llm, 60, "-j", "8").code == 0
    times = server.stats()["times"]
    assert times[-1] - times[0] < 4


def test_a_server_that_refuses_for_ever(llm: Llm, server: BatchServer) -> None:
    """It is given up on soon, whatever is left to ask; what was not asked can be asked later."""
    server.set(status=429)
    done = batch(llm, 200, "-j", "8", "--retries", "1")
    assert done.code == 5
    assert "not asked" in done.err
    assert "To go on, run the same command again" in done.err
    assert server.stats()["requests"] < 40


def test_no_retries(llm: Llm, server: BatchServer) -> None:
    """A refused prompt is not asked again, though others are answered."""
    server.set(pause_at=5, latency=0.02)
    assert batch(llm, 30, "-j", "8", "--retries", "0").code == 8
    assert server.stats()["requests"] == 30


def test_a_date_to_come_back_at(llm: Llm, server: BatchServer) -> None:
    """Retry-After may be a date."""
    soon = datetime.now(UTC) + timedelta(seconds=3)
    server.set(pause_at=2, retry_after=f"{soon:%a, %d %b %Y %H:%M:%S GMT}")
    assert batch(llm, 6, "-j", "2").code == 0
    times = server.stats()["times"]
    assert times[-1] - times[0] > 1


def test_headers_of_several_vendors() -> None:
    """OpenAI, Groq, Anthropic; nonsense is left out."""
    soon = datetime.now(UTC) + timedelta(seconds=30)
    found = read({
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-remaining-requests": "9999",
        "x-ratelimit-reset-requests": "1m8.64s",
        "x-ratelimit-remaining-tokens": "150",
        "x-ratelimit-reset-tokens": "120ms",
        "anthropic-ratelimit-input-tokens-limit": "40000",
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-input-tokens-reset": f"{soon:%Y-%m-%dT%H:%M:%SZ}",
        "x-ratelimit-remaining-images": "many",
        "x-ratelimit-remaining-audio": "3",
        "content-type": "x",
    })  # fmt: skip
    assert found[:2] == [Limit("requests", 10000, 9999, 68.64), Limit("tokens", 0, 150, 0.12)]
    assert found[2][:3] == ("tokens", 40000, 0)
    assert 25 < found[2].reset <= 30
    assert len(found) == 3


def test_a_governor_lets_more_in_again() -> None:
    """Refusals halve what runs at once, once for those that had begun; answers raise it."""
    governor = Governor(8, backoff=0)
    begun = [governor.enter(0) for _ in range(8)]
    for entered in begun:
        governor.leave(0)
        governor.refused(entered, None)
    assert _fits(governor) == 4
    for _ in range(60):
        governor.succeeded(0, 0)
    assert _fits(governor) == 8


def test_a_slow_pace_is_forgotten() -> None:
    """One long pause does not slow a batch down for hours."""
    governor = Governor(1)
    governor.succeeded(0, 0)
    governor.refused(governor.enter(0), 600)
    assert governor.pace > 500
    for _ in range(80):
        governor.succeeded(0, 0)
    assert governor.pace < 1


def test_who_rests_takes_nobodys_turn() -> None:
    """A call that ends lets one in that waits, and does not wake one that has to rest."""
    governor = Governor(1)
    governor.enter(0)
    resting = threading.Thread(target=governor.rest, args=(60,), daemon=True)
    waiting = threading.Thread(target=governor.enter, args=(0,), daemon=True)
    for thread in (resting, waiting):
        thread.start()
        thread.join(0.1)
    governor.leave(0)
    waiting.join(2)
    assert not waiting.is_alive()
    governor.stop()
    resting.join(2)
    assert not resting.is_alive()


def test_headers_that_allow_more_again() -> None:
    """Who waits for a limit that is not there any more goes on at once."""
    governor = Governor(2)
    governor.enter(0)
    governor.hear(_headers(0))
    waiting = threading.Thread(target=governor.enter, args=(0,), daemon=True)
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    governor.hear(_headers(50))
    waiting.join(2)
    assert not waiting.is_alive()


def _headers(left: int) -> dict[str, str]:
    names = {"limit": "60", "remaining": str(left), "reset": "60m"}
    return {f"x-ratelimit-{name}-requests": value for name, value in names.items()}


def _fits(governor: Governor) -> int:
    """How many may run at once now: those let in until a stop."""
    found = 0
    threading.Timer(0.2, governor.stop).start()
    while governor.enter(0):
        found += 1
    governor.stopped = False
    for _ in range(found):
        governor.leave(0)
    return found
