"""A clock for the processes of a repository that can be set forward, so that a day takes as long as a test wants.

Only the time of day is set: what a process measures, waits for or gives up on goes by the clock that never jumps.
"""

import datetime as dt
from pathlib import Path

AFTER_MIDNIGHT = dt.timedelta(minutes=1)

SHIM = '''"""Sets the clock of each Python of this environment forward."""

import ctypes
import datetime
import gc
import time

_now, _time, _time_ns = datetime.datetime.now, time.time, time.time_ns


def _ahead():
    with open({file!r}) as file:
        return int(file.read())


# In the type itself: other modules hold on to it, and its instances stay what they are.
gc.get_referents(datetime.datetime.__dict__)[0]["now"] = classmethod(
    lambda cls, tz=None: _now(tz) + datetime.timedelta(seconds=_ahead())
)
ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime.datetime))
time.time = lambda: _time() + _ahead()
time.time_ns = lambda: _time_ns() + _ahead() * 1_000_000_000
'''


class Clock:
    """The clock of one repository; it begins at the next midnight."""

    def __init__(self, project: Path) -> None:
        """Put it into the environment of the repository, where git does not see it.

        Args:
            project: The repository.
        """
        (packages,) = (project / ".venv/lib").glob("python3*/site-packages")
        self._file, self._ahead = packages / "played_clock.txt", 0
        self.next_day()
        (packages / "played_clock.py").write_text(SHIM.format(file=str(self._file)))
        (packages / "played_clock.pth").write_text("import played_clock\n")

    def now(self) -> dt.datetime:
        """Return what the processes take for the present time."""
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=self._ahead)

    def next_day(self, days: int = 1) -> None:
        """Set it to a minute after midnight, so many days later."""
        now = self.now()
        midnight = dt.datetime.combine(now.date() + dt.timedelta(days=days), dt.time(), dt.UTC)
        self.forward(midnight + AFTER_MIDNIGHT - now)

    def forward(self, time: dt.timedelta) -> None:
        """Set it forward."""
        self._ahead += round(time.total_seconds())
        # Whole at any moment: processes read it all the time.
        new = self._file.with_suffix(".new")
        new.write_text(str(self._ahead))
        new.replace(self._file)
