"""Dependency locking. The only caller of uv."""

import os
import subprocess
from pathlib import Path

from mlops_scaffold import processes

DRAWING = " \u00d7\u2570\u2500\u25b6\u2502\u251c"
"""Characters that uv draws its tree of causes with."""

SECONDS = 120
"""Resolving the level 1 dependencies takes about 3 s with a cold cache; past this the network is as good as absent."""


def lock(project: Path) -> str | None:
    """Write `uv.lock` for a project.

    Args:
        project: The directory of its `pyproject.toml`, absolute.

    Returns:
        None when it is locked, else one sentence that says why not and what to do.
    """
    later = "Run `uv lock` in it when that is mended."
    if (uv := processes.program("uv")) is None:
        return "The dependencies are not locked: uv was not found. Install it (`pip install uv`), then run `uv lock`."
    # What the caller has set for its own project has nothing to do with the new one.
    others = ("VIRTUAL_ENV", "UV_PROJECT", "UV_FROZEN", "UV_LOCKED")
    environment = {name: value for name, value in os.environ.items() if name not in others}
    try:
        done = processes.start(
            [uv, "lock", "--quiet", "--no-progress"],
            cwd=project,
            env={"UV_HTTP_RETRIES": "1", **environment},
            timeout=SECONDS,
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        return f"The dependencies are not locked: {_reason(str(error))}. {later}"
    if done.returncode == 0:
        return None
    return f"The dependencies are not locked: {_reason(done.stderr.decode(errors='replace'))}. {later}"


def _reason(stderr: str) -> str:
    """The line of uv's report that a reader needs."""
    text = stderr.lower()
    signs = ("failed to fetch", "error sending request", "connect", "dns", "network", "timed out", "offline")
    if any(sign in text for sign in signs):
        return "the package index can't be reached"
    lines = [line for line in (raw.strip(DRAWING) for raw in stderr.splitlines()) if line]
    return lines[0].removeprefix("error: ").rstrip(".") if lines else "uv gave no reason"
