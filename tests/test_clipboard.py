"""The clipboard: which program reaches it, what that is given, what it gives, and without any."""

from __future__ import annotations

import base64
import os
import sys
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from llmcli import clipboard
from llmcli.clipboard import Content
from llmcli.errors import LocalIOError, UsageError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the programs are shell scripts")

TEXT = "naïve → 漢字 'quoted' $HOME\n\n"
PNG = b"\x89PNG\r\n\x1a\n\x00\xff and more"
VARIABLES = ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "SSH_TTY")
CAT = "/bin/cat"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Put a program of the shell on an otherwise empty PATH: `install("xclip", "cat > x")`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def write(name: str, body: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o700)

    return write


@pytest.fixture
def terminal() -> Iterator[tuple[IO[str], int]]:
    """A terminal and the other end of it."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    with open(theirs, "w", encoding="utf-8") as stream:
        yield stream, ours
    os.close(ours)


class TestCopy:
    """The first program that can, else the terminal, else an error."""

    @pytest.mark.parametrize(
        ("program", "needs", "words"),
        [
            ("wl-copy", "WAYLAND_DISPLAY", ""),
            ("xclip", "DISPLAY", "-selection clipboard"),
            ("xsel", "DISPLAY", "--clipboard --input"),
            ("pbcopy", "", ""),
            ("termux-clipboard-set", "", ""),
        ],
    )
    def test_by_a_program(
        self,
        program: str,
        needs: str,
        words: str,
        install: Callable[[str, str], None],
        monkeypatch: pytest.MonkeyPatch,
        terminal: tuple[IO[str], int],
        tmp_path: Path,
    ) -> None:
        """It gets the very bytes and nothing is written to the terminal."""
        if needs:
            monkeypatch.setenv(needs, ":7")
        install(program, f'printf %s "$*" > words; {CAT} > got')
        assert clipboard.copy(TEXT, terminal[0]).startswith("by ")
        assert (tmp_path / "got").read_bytes() == TEXT.encode()
        assert (tmp_path / "words").read_text() == words
        os.set_blocking(terminal[1], False)
        with pytest.raises(BlockingIOError):
            os.read(terminal[1], 1)

    def test_windows_takes_utf_16_with_its_mark(
        self, install: Callable[[str, str], None], tmp_path: Path
    ) -> None:
        install("clip.exe", f"{CAT} > got")
        assert clipboard.copy(TEXT, sys.stdout) == "by clip.exe"
        got = (tmp_path / "got").read_bytes()
        assert got[:2] == b"\xff\xfe"
        assert got.decode("utf-16") == TEXT

    def test_the_next_one_where_the_first_fails(
        self,
        install: Callable[[str, str], None],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        """Without its variable a program is not even tried."""
        monkeypatch.setenv("DISPLAY", ":7")
        install("wl-copy", "echo tried > tried")
        install("xclip", "exit 1")
        install("xsel", f"{CAT} > got")
        assert clipboard.copy(TEXT, sys.stdout) == "by xsel"
        assert (tmp_path / "got").read_bytes() == TEXT.encode()
        assert not (tmp_path / "tried").exists()

    def test_it_can_stay_behind_and_hears_no_ctrl_c(
        self, install: Callable[[str, str], None], tmp_path: Path
    ) -> None:
        """A program that serves the clipboard goes on in a session of its own."""
        if not Path("/proc/self/stat").exists():
            pytest.skip("no /proc")
        install("pbcopy", f"{CAT} /proc/$$/stat > stat; {CAT} > got; /bin/sleep 30 &")
        clipboard.copy(TEXT, sys.stdout)
        session = int((tmp_path / "stat").read_text().rpartition(")")[2].split()[3])
        assert session != os.getsid(0)
        os.killpg(session, 15)

    def test_over_ssh_only_what_reaches_the_user(
        self,
        install: Callable[[str, str], None],
        monkeypatch: pytest.MonkeyPatch,
        terminal: tuple[IO[str], int],
        tmp_path: Path,
    ) -> None:
        """`pbcopy` there fills a clipboard that nobody sees; a forwarded display is the user's."""
        monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
        monkeypatch.setenv("TERM", "xterm")
        install("pbcopy", f"{CAT} > got")
        assert "OSC 52" in clipboard.copy(TEXT, terminal[0])
        assert not (tmp_path / "got").exists()
        install("xclip", f"{CAT} > got")
        monkeypatch.setenv("DISPLAY", "localhost:10")
        assert clipboard.copy(TEXT, terminal[0]) == "by xclip"

    def test_by_the_terminal(
        self,
        install: Callable[[str, str], None],
        monkeypatch: pytest.MonkeyPatch,
        terminal: tuple[IO[str], int],
    ) -> None:
        """One sequence, in which nothing of the text can be taken for another one."""
        monkeypatch.setenv("TERM", "xterm")
        text = TEXT + "\x1b]0;title\x07"
        assert "OSC 52" in clipboard.copy(text, terminal[0])
        written = os.read(terminal[1], 1 << 16)
        assert written == b"\x1b]52;c;" + base64.b64encode(text.encode()) + b"\x07"

    def test_too_long_for_the_terminal(
        self,
        install: Callable[[str, str], None],
        monkeypatch: pytest.MonkeyPatch,
        terminal: tuple[IO[str], int],
    ) -> None:
        monkeypatch.setenv("TERM", "xterm")
        with pytest.raises(LocalIOError, match="too long"):
            clipboard.copy("a" * clipboard.TERMINAL_LIMIT, terminal[0])
        os.set_blocking(terminal[1], False)
        with pytest.raises(BlockingIOError):
            os.read(terminal[1], 1)

    @pytest.mark.parametrize("term", ["dumb", None])
    def test_no_way(
        self,
        term: str | None,
        install: Callable[[str, str], None],
        monkeypatch: pytest.MonkeyPatch,
        terminal: tuple[IO[str], int],
        tmp_path: Path,
    ) -> None:
        """A dumb terminal gets no sequence, a file neither."""
        if term:
            monkeypatch.setenv("TERM", term)
        else:
            monkeypatch.delenv("TERM", raising=False)
        with pytest.raises(LocalIOError, match="no program") as caught:
            clipboard.copy(TEXT, terminal[0])
        assert "xclip" in caught.value.hint
        monkeypatch.setenv("TERM", "xterm")
        with (tmp_path / "file").open("w") as file, pytest.raises(LocalIOError):
            clipboard.copy(TEXT, file)
        assert (tmp_path / "file").read_bytes() == b""


TARGETS = """case "$*" in
*TARGETS*) printf 'TARGETS\\n{types}\\n' ;;
*image/png*) {cat} image ;;
*) {cat} text ;;
esac"""


class TestPaste:
    """Text, else an image; what is neither is an error."""

    def x(
        self,
        install: Callable[[str, str], None],
        monkeypatch: pytest.MonkeyPatch,
        types: str,
    ) -> None:
        monkeypatch.setenv("DISPLAY", ":7")
        install("xclip", TARGETS.format(types=types, cat=CAT))
        Path("image").write_bytes(PNG)
        Path("text").write_text(TEXT)

    def test_text(
        self, install: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.x(install, monkeypatch, "UTF8_STRING")
        assert clipboard.paste() == Content(TEXT.encode(), "text/plain")

    def test_image(
        self, install: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.x(install, monkeypatch, "image/png\\nimage/bmp")
        assert clipboard.paste() == Content(PNG, "image/png")

    def test_cells_of_a_table_are_text(
        self, install: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Spreadsheets offer a picture of them besides."""
        self.x(install, monkeypatch, "image/png\\nUTF8_STRING")
        assert clipboard.paste().media_type == "text/plain"

    def test_a_kind_nobody_takes(
        self, install: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.x(install, monkeypatch, "application/x-cells")
        with pytest.raises(UsageError, match="neither text nor an image"):
            clipboard.paste()

    def test_wayland(
        self, install: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-1")
        Path("image").write_bytes(PNG)
        install(
            "wl-paste",
            'case "$*" in --list-types) echo image/png;;'
            f' "--type image/png") {CAT} image;; *) exit 1;; esac',
        )
        assert clipboard.paste() == Content(PNG, "image/png")

    def test_mac(self, install: Callable[[str, str], None]) -> None:
        install("pbpaste", "")
        install("osascript", f"echo '«data PNGf{PNG.hex().upper()}»'")
        assert clipboard.paste() == Content(PNG, "image/png")
        install("osascript", "echo 'execution error' >&2; exit 1")
        with pytest.raises(UsageError, match="neither"):
            clipboard.paste()

    def test_windows(self, install: Callable[[str, str], None]) -> None:
        """Its line ends become ours."""
        text = base64.b64encode(b"one\r\ntwo").decode()
        image = base64.b64encode(PNG).decode()
        install(
            "powershell.exe",
            f'case "$*" in *GetImage*) printf "{image[:9]}\\r\\n{image[9:]}\\r\\n";;'
            f' *) printf "{text}\\r\\n";; esac',
        )
        assert clipboard.paste() == Content(b"one\ntwo", "text/plain")
        install("powershell.exe", f'case "$*" in *GetImage*) printf "{image}";; esac')
        assert clipboard.paste() == Content(PNG, "image/png")
        install("powershell.exe", "echo '!! no base64'")
        with pytest.raises(UsageError, match="neither"):
            clipboard.paste()

    def test_too_large(self, install: Callable[[str, str], None]) -> None:
        size = clipboard.LIMIT + 1
        install("pbpaste", f"/usr/bin/head -c {size} /dev/zero | /usr/bin/tr '\\0' a")
        with pytest.raises(UsageError, match="larger than 20 MiB"):
            clipboard.paste()

    def test_no_program(self, install: Callable[[str, str], None]) -> None:
        with pytest.raises(LocalIOError, match="no program"):
            clipboard.paste()
