"""Failures as JSON, for commands that print JSON."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from llmcli.errors import LlmError


@contextlib.contextmanager
def errors_as_json(wanted: bool) -> Iterator[None]:
    """What fails before the answer's renderer is there is an error object, too."""
    try:
        yield
    except LlmError as error:
        if wanted:
            from llmcli.render.objects import dump, error_object

            sys.stdout.write(dump(error_object(error, None)))
        raise
