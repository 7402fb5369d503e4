"""Starting other programs, and keeping work whole that must not be half done.

A program that we start outlives us when we are killed. So the lock on a repository is a file descriptor that our
children inherit: it is free only when the last of them has ended too.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such lock; there an upgrade relies on its journal alone.
    fcntl = None  # type: ignore[assignment]

_handed_down: list[int] = []
"""File descriptors that every program we start keeps open."""


def start(
    words: Sequence[str],
    *,
    cwd: Path | None,
    env: Mapping[str, str],
    stdin: bytes | None = None,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end.

    Args:
        words: The program and its arguments.
        cwd: Where it runs; None for here.
        env: Its whole environment.
        stdin: What it reads; None for nothing.
        timeout: Seconds after which it is ended; None for no limit.

    Raises:
        OSError: It can't be started.
        subprocess.TimeoutExpired: It took too long.
    """
    with subprocess.Popen(
        words,
        cwd=cwd,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=tuple(_handed_down),
    ) as process:
        try:
            output, report = process.communicate(stdin or b"", timeout=timeout)
        except BaseException:
            _end(process)
            raise
    return subprocess.CompletedProcess(words, process.returncode, output, report)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program, and let it clear up its lock files where it does so in time."""
    with undisturbed():
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def exclusive(directory: Path, *, seconds: float) -> Iterator[bool]:
    """Be the only one who works on a directory, our children included.

    Args:
        directory: An existing directory.
        seconds: How long to wait for another process.

    Yields:
        Whether the lock was had.
    """
    if fcntl is None:
        yield True
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        if not _locked(descriptor, time.monotonic() + seconds):
            yield False
            return
        _handed_down.append(descriptor)
        try:
            yield True
        finally:
            _handed_down.remove(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        else:
            return True


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let nobody interrupt the block: a second Ctrl-C must not stop the clearing up after the first."""
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():
        names = []  # Only the main thread may set handlers, and only it is interrupted.
    before = {name: signal.signal(getattr(signal, name), signal.SIG_IGN) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
