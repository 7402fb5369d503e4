"""Tidies up after a process, however that ended: by itself, by Ctrl-C, or killed.

It is a process of its own in a session of its own, where neither Ctrl-C nor the kill of a task runner reaches it, and waits
until its standard input closes, which happens when the other process is gone. It uses the standard library only, so that it
starts at once.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

STOP_SECONDS = 10


def start(
    task: str, *arguments: str, output: IO[Any] | None = None, variables: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Start a supervisor for this process.

    Args:
        task: "remove", to remove a worktree and the folder that it is in at the end, or "run", to run a program until then.
        arguments: The paths of both, or the program and its arguments.
        output: Where the output goes; by default nowhere.
        variables: Its environment; by default that of this process.
    """
    return subprocess.Popen(  # noqa: S603 - no shell
        [sys.executable, "-I", __file__, task, *arguments],
        stdin=subprocess.PIPE,
        stdout=output or subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        env=variables,
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def finish(supervisor: "subprocess.Popen[bytes]") -> None:
    """Let a supervisor do its work now instead of when this process is gone, and wait for it."""
    if supervisor.stdin is not None:
        supervisor.stdin.close()
    supervisor.wait()


def remove(tree: Path, folder: Path) -> None:
    """Remove a worktree of the current folder's repository, and the folder that it is in."""
    # Forced twice: a worktree whose making was interrupted is locked.
    command = ["git", "worktree", "remove", "--force", "--force", str(tree)]
    with suppress(OSError):
        subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - no shell
    shutil.rmtree(folder, ignore_errors=True)


def run(command: Sequence[str]) -> None:
    """Run a program until it ends or standard input closes, and stop it with all that it started."""
    # The signal for the whole group must not end this process before the others; a handler is not passed on to them.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - no shell
    threading.Thread(target=_stop_at_end, args=[program], daemon=True).start()
    program.wait()
    _signal_group("SIGKILL")


def _stop_at_end(program: "subprocess.Popen[bytes]") -> None:
    sys.stdin.buffer.read()
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(program.pid)], capture_output=True, check=False)  # noqa: S603, S607
        return
    _signal_group("SIGTERM")
    time.sleep(STOP_SECONDS)
    _signal_group("SIGKILL")


def _signal_group(name: str) -> None:
    # It is that of this process, which has a session of its own.
    if sys.platform != "win32":
        os.killpg(0, getattr(signal, name))


def main(words: Sequence[str]) -> None:
    """Do one task, see `start`."""
    task, *arguments = words
    if task == "run":
        run(arguments)
    else:
        sys.stdin.buffer.read()
        remove(*map(Path, arguments))


if __name__ == "__main__":
    main(sys.argv[1:])
