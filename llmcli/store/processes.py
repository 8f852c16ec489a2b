"""Whether a process that was writing something is gone."""

from __future__ import annotations

import os

_DAY = 86_400.0
_LONGEST = 7 * _DAY  # after it nobody is writing any more, whoever has the number now


def gone(pid: int, age: float) -> bool:
    """Whether no process has this number; `age` in seconds since it last wrote.

    Only POSIX can ask without harm: on Windows os.kill ends the process. There a day decides.
    """
    if age > _LONGEST or pid <= 0:
        return True
    if os.name != "posix":
        return age > _DAY
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False
    return False
