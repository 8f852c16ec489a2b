"""Host names to addresses, within a limit and without ignoring signals."""

from __future__ import annotations

import socket
import threading

from llmcli.origins import ip_of


def addresses(host: str, port: int, limit: float) -> list[str]:
    """The addresses of a host, in the system's order; `limit` in seconds.

    The system's resolver heeds neither signals nor deadlines, so it works in a thread of its own.
    Raises what the resolver raises, TimeoutError when it takes longer.
    """
    if ip_of(host) is not None:
        return [host]
    found: list[str] = []
    failure: list[OSError] = []

    def resolve() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            failure.append(error)
        else:
            found.extend(dict.fromkeys(str(row[4][0]) for row in rows))

    thread = threading.Thread(target=resolve, name="llm-names", daemon=True)
    thread.start()
    thread.join(limit)
    if failure:
        raise failure[0]
    if not found:
        raise TimeoutError(f"the name {host} was not resolved within {limit:g} s")
    return found
