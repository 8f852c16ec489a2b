"""A request as the fault server saw it."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Request:
    """One request as it came. `number` counts per fault, `on_connection` per connection.

    `left` is set when the client closed the connection within the answer, `done` after it.
    """

    fault: str
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int
    number: int
    on_connection: int
    at: float = field(default_factory=time.monotonic)
    voice: str = "openai-chat"
    left: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def prompt(self) -> Any:
        """The content of the last message."""
        return self.json["messages"][-1]["content"]
