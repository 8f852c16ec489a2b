"""Whether a process that was writing something is gone."""

from __future__ import annotations

import os
import time
from pathlib import Path

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


def younger(pid: int, seconds: float) -> bool:
    """Whether the process of this number began later than so many seconds ago.

    Then the one that had the number before is gone. Only Linux tells; elsewhere it never is.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        begun = int(text.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - begun < seconds
    except (AttributeError, IndexError, OSError, ValueError):
        return False
