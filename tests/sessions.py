"""A chat without a screen, in the process of the test."""

from __future__ import annotations

import io
import os
from pathlib import Path

from support import Llm
from word_server import WordServer

from llmcli import config as configs
from llmcli import registry
from llmcli.recorder import Recorder
from llmcli.render import Display, Renderer, choose
from llmcli.session import Session


class Silent:
    """Sessions that show nothing; `warnings` keeps what they say. `env` is where keys go."""

    def __init__(self, server: WordServer, root: Path) -> None:
        self.warnings: list[str] = []
        self.llm = Llm(root)
        self._opened: list[Session] = []
        server.provide(self.llm)

    def open(self, *, kept: bool = True) -> Session:
        """A session with the model `fs/m`; `kept` is whether it has a history."""
        os.environ["FS_KEY"] = self.llm.env["FS_KEY"]  # the environment is the test's own
        config = configs.load()
        recorder = Recorder(config, self.warnings.append, enabled=kept, terminal="t")
        choice = registry.resolve("fs/m", config)
        session = Session(config, choice, recorder, self.warnings.append)
        self._opened.append(session)
        return session

    def close(self) -> None:
        """Close them all."""
        for session in self._opened:
            session.close()


def nowhere() -> Renderer:
    """A renderer whose text nobody sees."""
    return choose(Display("plain", io.StringIO(), io.StringIO(), quiet=True))
