"""Slash commands that send files, pages and the clipboard along: what the model then gets."""

from __future__ import annotations

import base64
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chatting import Talk, until
from serving import Handler, Serving
from support import Llm
from word_server import WordServer

from llmcli import attachments, webpage
from llmcli.errors import ProtocolError, UsageError
from llmcli.http.fetch import fetch

PNG = b"\x89PNG\r\n\x1a\n" + b"picture" * 100
PAGE = b"""<!doctype html><html><head><title>A page</title><style>p { color: red }</style>
<script>var evil = "<p>not this</p>";</script></head><body><h1>Top</h1><p>First  &amp;
second.</p><ul><li>one<li>two</ul><pre>  kept
    as is</pre><noscript>not this</noscript></body></html>"""
READ = "A page\n\n# Top\n\nFirst & second.\n\n- one\n- two\n\n  kept\n    as is"


class Web(Serving):
    """A web server: `pages` by path are media type and bytes, or where to go instead.

    It answers when `gate` is set.
    """

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.pages: dict[str, tuple[str, bytes] | str] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        super().__init__()


class _Page(Handler[Web]):
    def answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.owner.asked.append((self.path, headers))
        self.owner.gate.wait(20)
        found = self.owner.pages.get(self.path)
        if found is None:
            self.send(404, b"nothing", "text/plain")
        elif isinstance(found, str):
            self.send(302, b"", "text/plain", location=found)
        else:
            self.send(200, found[1], found[0])


Web.handler = _Page


@pytest.fixture
def server() -> Iterator[WordServer]:
    with WordServer() as server:
        yield server


@pytest.fixture
def web() -> Iterator[Web]:
    with Web() as web:
        yield web


@pytest.fixture
def chat(llm: Llm, server: WordServer) -> Talk:
    """A chat whose model takes text and images, among some files."""
    server.provide(llm, m={"input": ["text", "image"]}, blind={"input": ["text"]})
    (llm.root / "a.py").write_text("print('a')\n")
    (llm.root / "two words.txt").write_text("two words inside")
    (llm.root / "pic.png").write_bytes(PNG)
    (llm.root / "data.zip").write_bytes(b"PK\x03\x04\0\0")
    return Talk(llm).begin()


def folder(root: Path) -> Path:
    """A folder with text in it and below, and with what is to be left out."""
    place = root / "src"
    (place / "deep" / ".git").mkdir(parents=True)
    (place / "one.py").write_text("first = 1\n")
    (place / "deep" / "two.md").write_text("# second\n")
    (place / "deep" / "three.bin").write_bytes(b"\0\1\2")
    (place / "deep" / ".git" / "config").write_text("hidden")
    (place / ".env").write_text("KEY=hidden")
    (place / "link.py").symlink_to(root / "a.py")
    return place


def parts(content: Any) -> list[str]:
    """What a message is made of, in words; what is nothing but text goes as one."""
    if isinstance(content, str):
        return [content]
    return [part.get("text") or part["type"] for part in content]


def test_files_go_with_the_next_message(chat: Talk, server: WordServer) -> None:
    told = chat.say("/file a.py 'two words.txt' pic.png")
    assert "queued: a.py (~" in told
    assert "two words.txt (~" in told
    assert "pic.png (PNG image, 708 bytes)" in told
    assert server.requests == []
    chat.say("what is this?")
    chat.say("and now?")
    [message] = server.said(0)
    assert parts(message) == [
        "File a.py:\n\nprint('a')\n",
        "File two words.txt:\n\ntwo words inside",
        "image_url",
        "what is this?",
    ]
    address = next(part["image_url"]["url"] for part in message if part["type"] == "image_url")
    assert base64.b64decode(address.partition(",")[2]) == PNG
    assert parts(server.said(1)[1]) == ["and now?"]


def test_text_behind_two_dashes_is_sent_at_once(chat: Talk, server: WordServer) -> None:
    """As it is typed: an apostrophe in it is no quote."""
    chat.say("/file a.py -- what's this -- and 'that?")
    assert server.said() == ["File a.py:\n\nprint('a')\n\n\nwhat's this -- and 'that?"]


def test_a_bad_file_keeps_the_text_back(chat: Talk, server: WordServer) -> None:
    told = chat.say("/file a.py nowhere.txt data.zip -- why?")
    assert "nowhere.txt: No such file" in told
    assert "cannot take data.zip (application/zip)" in told
    assert "queued: a.py" in told
    assert "nothing was sent" in told
    assert server.requests == []
    chat.send("")  # what stands in the editor
    chat.wait()
    assert server.said() == ["File a.py:\n\nprint('a')\n\n\nwhy?"]


def test_a_folder_is_its_text_files(chat: Talk, server: WordServer, llm: Llm) -> None:
    folder(llm.root)
    assert "src/ (2 files, 1 other left out, ~" in chat.say("/file src/")
    chat.say("go")
    assert server.said() == [
        "File src/deep/two.md:\n\n# second\n\n\nFile src/one.py:\n\nfirst = 1\n\n\ngo"
    ]


def test_patterns_and_the_home_are_understood(chat: Talk, server: WordServer, llm: Llm) -> None:
    folder(llm.root)
    (llm.root / "home" / "notes.txt").write_text("at home")
    told = chat.say("/file 'src/**/*.md' ~/notes.txt *.zip")
    assert "queued: src/deep/two.md" in told
    assert "notes.txt" in told
    assert "data.zip" in told
    chat.say("go")
    assert server.said() == [
        "File src/deep/two.md:\n\n# second\n\n\nFile notes.txt:\n\nat home\n\ngo"
    ]


def test_the_queue_is_told_and_emptied(chat: Talk, server: WordServer) -> None:
    assert "nothing is queued" in chat.say("/file")
    chat.say("/file a.py a.py")
    told = chat.say("/file")
    assert told.count("queued: a.py") == 1
    assert "no longer queued: 1 file" in chat.say("/file -")
    chat.say("go")
    assert server.said() == ["go"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("/file 'a.py", "a quote is not closed"),
        ("/file a.py --", "nothing to send"),
        ("/file *.nothing", "no such file"),
        ("/file ~nobody-at-all/x", "no such home"),
        ("/image", "which image?"),
        ("/image a.py", "a.py is no image (text/"),
        ("/url", "which address?"),
        ("/url ftp://127.0.0.1/x", "does not begin with https://"),
        ("/url http://user:pass@127.0.0.1/x", "user name or password"),
        ("/url http://169.254.169.254/latest", "network's own machinery"),
        ("/url http://127.0.0.1:1/x", "connection refused"),
        ("/paste", "clipboard"),
    ],
)
def test_bad_input_is_one_clear_line(chat: Talk, server: WordServer, line: str, words: str) -> None:
    told = chat.say(line)
    assert words in told
    assert "internal error" not in told
    assert server.requests == []


def test_an_image(chat: Talk, server: WordServer) -> None:
    assert "queued: pic.png (PNG image" in chat.say("/image pic.png")
    chat.say("go")
    assert parts(server.said()[0]) == ["image_url", "go"]


def test_a_model_that_cannot_see(chat: Talk, server: WordServer) -> None:
    """It is refused when it is queued, and when the model was changed since."""
    chat.say("/image pic.png")
    chat.say("/model fs/blind")
    told = chat.say("what is it?")
    assert "fs/blind cannot take pic.png (image/png)" in told
    assert "It takes: text" in told
    assert server.requests == []
    assert "cannot take pic.png" in chat.say("\x15/image pic.png")


def test_a_page_goes_as_text(chat: Talk, server: WordServer, web: Web) -> None:
    web.pages["/a?b=c"] = ("text/html; charset=utf-8", PAGE)
    told = chat.say(f"/url {web.host}/a?b=c")
    assert f"queued: {web.host}/a?b=c (~" in told
    chat.say("go")
    assert server.said() == [f"File {web.host}/a?b=c:\n\n{READ}\n\ngo"]
    [(path, headers)] = web.asked
    assert path == "/a?b=c"
    assert not {"authorization", "cookie", "x-api-key"} & headers.keys()


def test_what_a_page_says_cannot_steer_the_terminal(chat: Talk, web: Web) -> None:
    web.pages["/"] = ("text/html", b"<p>\x1b]0;evil\x07 words</p>")
    web.pages["/evil"] = "/\x1b[2J"
    chat.say(f"/url {web.host}/")
    chat.send("go")
    chat.shows("words")
    written = chat.child.before
    assert b"]0;evil" not in written or b"\x1b]0;evil" not in written
    chat.wait()
    chat.send(f"/url {web.host}/evil")
    assert "\x1b[2J" not in chat.wait()


def test_an_address_in_file_and_other_kinds(chat: Talk, server: WordServer, web: Web) -> None:
    web.pages = {
        "/pic": ("image/png", PNG),
        "/data.json": ("application/json", b'{"a": "\xc3\xa9"}'),
        "/latin": ("text/plain; charset=iso-8859-1", b"caf\xe9"),
        "/zip": ("application/zip", b"PK\x03\x04\0\0\xff"),
        "/empty": ("text/html", b""),
        "/moved": "/latin",
    }
    told = chat.say("/file " + " ".join(f"{web.host}{path}" for path in web.pages))
    assert "application/zip, which cannot be sent" in told
    assert "there is nothing" in told
    chat.say("go")
    found = parts(server.said()[0])
    assert found[0] == "image_url"
    assert found[1].endswith('{"a": "é"}')
    assert found[2].endswith("café")
    assert found[3] == "go"  # /moved led to the same text


def test_a_redirect_to_another_server_is_not_followed(chat: Talk, web: Web) -> None:
    with Web() as other:
        other.pages["/"] = ("text/plain", b"elsewhere")
        web.pages["/"] = f"{other.host}/"
        told = chat.say(f"/url {web.host}/")
        assert "leads to another server" in told
        assert f"/url {other.host}/" in told
        assert other.asked == []


def test_a_redirect_that_never_ends(web: Web) -> None:
    web.pages["/"] = "/"
    with pytest.raises(ProtocolError, match="more than 5 redirects"):
        fetch(f"{web.host}/")
    assert len(web.asked) == 6


def test_a_page_that_is_too_large(web: Web) -> None:
    web.pages["/"] = ("text/plain", b"x" * 3_000_000)
    with pytest.raises(ProtocolError, match="larger than 2 MiB"):
        fetch(f"{web.host}/", limit=2 << 20)


def test_ctrl_c_stops_a_fetch(chat: Talk, web: Web) -> None:
    web.gate.clear()
    chat.send(f"/url {web.host}/")
    until(lambda: web.asked)
    chat.type("\x03")
    assert "stopped" in chat.wait()
    web.gate.set()
    assert "nothing is queued" in chat.say("/file")


def test_what_lies_in_the_clipboard(llm: Llm, server: WordServer) -> None:
    """An image, then text; the program that reaches the clipboard is played by a script."""
    server.provide(llm)
    tools = llm.root / "tools"
    tools.mkdir()
    (llm.root / "clip").write_bytes(PNG)
    script = tools / "xclip"
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *TARGETS*) cat {llm.root}/kinds;; *) cat {llm.root}/clip;; esac\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    llm.env |= {"PATH": f"{tools}:{llm.env['PATH']}", "DISPLAY": ":0"}
    (llm.root / "kinds").write_text("TARGETS\nimage/png\n")
    chat = Talk(llm).begin()
    assert "queued: clipboard.png (PNG image, 708 bytes)" in chat.say("/paste")
    (llm.root / "kinds").write_text("TARGETS\nUTF8_STRING\n")
    (llm.root / "clip").write_text("some text")
    chat.say("/paste what is it?")
    assert parts(server.said()[0]) == [
        "image_url",
        "File clipboard2.txt:\n\nsome text",
        "what is it?",
    ]


def test_paths_are_completed(chat: Talk, llm: Llm) -> None:
    chat.type("/file two")
    chat.type("\t")
    chat.shows("two words.txt")
    chat.type("\x03")


def test_too_many_files_and_too_much_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "many"
    place.mkdir()
    for number in range(attachments.FILES + 1):
        (place / f"{number}.txt").write_text("x")
    with pytest.raises(UsageError, match="more than 200 text files"):
        attachments.folder(place)
    with pytest.raises(UsageError, match="more than 200 files"):
        attachments.matching(f"{place}/*.txt")
    (place / "0.txt").unlink()
    assert len(attachments.folder(place).media) == attachments.FILES
    large = tmp_path / "large"
    large.mkdir()
    for number in range(3):
        (large / f"{number}.txt").write_text("x" * (attachments.LIMIT // 3 + 1))
    with pytest.raises(UsageError, match="more than 20 MiB of text"):
        attachments.folder(large)


def test_a_folder_without_text(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"\0")
    with pytest.raises(UsageError, match="no text files"):
        attachments.folder(tmp_path)


def test_links_that_lead_in_circles(tmp_path: Path) -> None:
    place = folder(tmp_path)
    for name in ("a", "b"):
        (place / name).symlink_to(".")
    assert attachments.matching(f"{place}/**/*.md") == [place / "deep" / "two.md"]
    with pytest.raises(UsageError, match="no such file"):
        attachments.matching(f"{place}/**/*.nothing")
    assert len(attachments.folder(place).media) == 2


def test_a_folder_that_is_very_deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    levels = [Path(*"x" * depth) for depth in range(1, 1100)]
    try:
        for level in levels:
            level.mkdir()
        file = levels[-1] / "a.txt"
        file.write_text("inside")
        assert [one.data for one in attachments.folder(Path("x")).media] == [b"inside"]
        assert attachments.matching("x/**/*.txt") == [file]
    finally:
        file.unlink()
        for level in reversed(levels):  # too deep for those who clear up behind us
            level.rmdir()


@pytest.mark.parametrize("piece", ["<!--", "<a", "<a b='", "<![CDATA[", "</", "<?"])
def test_pages_made_to_take_long(piece: str) -> None:
    """A tag that never ends is not read anew from each of its bytes."""
    begun = time.process_time()
    assert webpage.text_of(b"<p>a</p>" + piece.encode() * 200_000) == "a"
    assert time.process_time() - begun < 5


def test_charsets_that_are_none_of_the_web() -> None:
    """To read a page as one of these takes time in the square of its length."""
    for charset in ("punycode", "unicode_escape"):
        assert webpage.decoded(b"\\x1b caf\xc3\xa9", charset) == "\\x1b café"


def test_names_tell_nothing_of_where_files_lie(tmp_path: Path) -> None:
    place = folder(tmp_path)
    assert [one.name for one in attachments.folder(place).media] == [
        "src/deep/two.md",
        "src/one.py",
    ]
    names = {"/etc/hosts": "hosts", "../x/y.py": "y.py", "src/a.py": "src/a.py"}
    assert {path: attachments.name_of(Path(path)) for path in names} == names


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"<p>a</p><p>b</p>", "a\n\nb"),
        (b"<script>x</script>a<style>y</style>", "a"),
        (b"<p>a &lt;b&gt; &nbsp;c", "a <b> c"),
        (b"<script>never closed", ""),
        (b"</script></pre></p>a", "a"),
        (b"<meta charset=iso-8859-1><p>caf\xe9", "café"),
        (b"<meta charset=nonsense><p>caf\xc3\xa9", "café"),
        (b"<table><tr><td>a<td>b<tr><td>c</table>", "a b\nc"),
        ("<p>\ufeffa".encode("utf-16"), None),
        (b"\xff\xfe\x00<", None),
        (b"<" * 1000, None),
    ],
)
def test_pages_as_text(data: bytes, text: str | None) -> None:
    found = webpage.text_of(data)
    assert text is None or found == text
