"""How a chat looks: screens of a real terminal, and what is left in its scrollback."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chatting import ChatServer, plain
from screens import Terminal, golden
from support import COMMAND, Llm

from llmcli.events import Finish, TextDelta
from llmcli.render import Display, choose

pytestmark = pytest.mark.tmux

READY = r"^>( .*)?\n[^\n]*m · [^\n]*\n\Z"  # the prompt, and the toolbar as the last line
PAGE = """\
# The title

Some **bold**, *italic* and `code`, in a line that is too long for the terminal it is shown on.

- one
- two
  - two and a half

1. first
2. second

```python
def double(x: int) -> int:
    return 2 * x  # 二倍
```

| Name | 意味   |  n |
|------|:------:|---:|
| cat  | 猫     |  1 |
| dog  | 犬と猿 | 22 |

> a quote
"""


@pytest.fixture
def terminal(llm: Llm, chats: ChatServer, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Open a chat in a terminal and wait for its prompt."""
    opened: list[Terminal] = []

    def start(rows: int = 24, columns: int = 80, ready: str = READY, **env: str) -> Terminal:
        command = [*COMMAND, "chat"]
        opened.append(Terminal(tmp_path, command, {**llm.env, **env}, rows, columns))
        opened[-1].until(ready)
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def say(terminal: Terminal, message: str) -> str:
    """Send a message; the screen when the prompt is back behind it."""
    terminal.type(message)
    terminal.until(rf"^> ?{re.escape(message)}")
    terminal.press("Enter")
    return terminal.until(rf"^> ?{re.escape(message)}\n(.*\n)+?{READY[1:]}")


def test_greeting(terminal: Callable[..., Terminal]) -> None:
    golden("greeting", terminal().screen())


def test_markdown(chats: ChatServer, terminal: Callable[..., Terminal]) -> None:
    """Heading, lists, code, a table with wide letters, a quote."""
    chats.page = PAGE
    golden("markdown", say(terminal(rows=40, columns=60), "show"))


def test_errors(terminal: Callable[..., Terminal]) -> None:
    """What failed, what to type, and the words in the editor."""
    golden("error", say(terminal(), "http:401 or else"))


def test_a_stopped_answer(terminal: Callable[..., Terminal]) -> None:
    chat = terminal()
    chat.type("hold")
    chat.press("Enter")
    chat.until("One half")
    chat.press("C-c")
    golden("stopped", chat.until(rf"kept\n\n{READY[1:]}"))


def test_help(terminal: Callable[..., Terminal]) -> None:
    golden("help", say(terminal(rows=70, columns=100), "/help"))


def test_the_menu_of_completions(terminal: Callable[..., Terminal]) -> None:
    chat = terminal()
    chat.type("/re")
    chat.until("/reasoning")
    chat.press("Tab")
    golden("menu", chat.until(r"^> /\w{3,}"))


def test_toolbar(llm: Llm, chats: ChatServer, terminal: Callable[..., Terminal]) -> None:
    """What fills the window, and what the chat cost."""
    price = {"input": 2, "output": 10}
    chats.provide(llm, models={"m": {"context": 8000, "cost": price}})
    golden("toolbar", say(terminal(), "hello"))


def test_small(chats: ChatServer, terminal: Callable[..., Terminal]) -> None:
    """Five lines of twenty columns."""
    chats.page = PAGE
    chat = terminal(5, 20, ready=r"^>\n\Z")
    chat.type("show")
    chat.press("Enter")
    chat.until(r"s\n\n>\n\Z")
    golden("small", chat.screen(all_lines=True))


def test_row_90_each_line_once(
    chats: ChatServer, terminal: Callable[..., Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """200 KB of Markdown: in the scrollback is what the renderer writes, each line once."""
    monkeypatch.setenv("TERM", "tmux-256color")
    chats.page = page = "".join(_blocks(200_000))
    chat = terminal()
    chat.type("show")
    chat.press("Enter")
    chat.until(r"· fs/m · usage unknown")
    screen = chat.until(READY, all_lines=True)
    answer = screen[screen.index("show\n") + 5 : screen.index("· fs/m · usage")]
    assert answer.splitlines() == _rendered(page, 80).splitlines()


def test_resized_while_an_answer_comes(
    chats: ChatServer, terminal: Callable[..., Terminal]
) -> None:
    """No line is lost and none is there twice."""
    chats.page = "".join(f"Line <{number}> of many.\n\n" for number in range(1500))
    chat = terminal()
    chat.type("show")
    chat.press("Enter")
    for rows, columns in ((24, 50), (10, 120), (40, 80), (5, 20), (24, 80)):
        chat.resize(rows, columns)
    chat.until(r"· fs/m · usage unknown")
    found = re.findall(r"<(\d+)>", chat.until(READY, all_lines=True))
    assert found == [str(number) for number in range(1500)]


def _blocks(size: int) -> Iterator[str]:
    """Blocks of all kinds, each with a number, so many characters in all."""
    kinds = (
        "Line <{0}> with **bold** and `code`, " + "and more " * 20 + "\n\n",
        "- item <{0}> in a list\n",
        "\n## Heading <{0}>\n\n",
        "```python\nx = '<{0}>'  # code\n```\n\n",
        "> quote <{0}>\n\n",
        "| a | 猫 |\n|--|--|\n| <{0}> | 犬 |\n\n",
    )
    number = 0
    while size > 0:
        block = kinds[number % len(kinds)].format(number)
        size -= len(block)
        number += 1
        yield block


def _rendered(text: str, width: int) -> str:
    """What the renderer writes on a terminal, without escapes and trailing blanks."""
    written = io.StringIO()
    display = Display(
        "markdown", written, io.StringIO(), stdout_tty=True, color_out=True, width=width
    )
    renderer = choose(display)
    renderer.show(TextDelta(text))
    renderer.show(Finish("stop"))
    renderer.flush()
    return "\n".join(line.rstrip() for line in plain(written.getvalue()).splitlines())
