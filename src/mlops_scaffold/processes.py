"""Starting other programs, and keeping work whole that must not be half done.

A program that we start outlives us when we are killed. So the lock on a repository is a file descriptor that our
children inherit: it is free only when the last of them has ended too.
"""

import os
import shutil
import signal
import subprocess
import sysconfig
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such lock; there an upgrade relies on its journal alone.
    fcntl = None  # type: ignore[assignment]

try:
    import resource
except ImportError:  # Windows has no such limits; there only the time is bounded.
    resource = None  # type: ignore[assignment]

_handed_down: list[int] = []
"""File descriptors that every program we start keeps open."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a program may use that works on what strangers wrote.

    Attributes:
        seconds: How long it may take; its processor time, and that of each program that it starts, has the same limit.
        memory: Bytes of address space, for each process; None for no limit.
        file: Bytes of the largest file that it may write; None for no limit.
    """

    seconds: int
    memory: int | None = None
    file: int | None = None

    def set(self) -> None:
        """Bound the process that this runs in."""
        for kind, limit in (("RLIMIT_CPU", self.seconds), ("RLIMIT_AS", self.memory), ("RLIMIT_FSIZE", self.file)):
            if limit is not None:
                resource.setrlimit(getattr(resource, kind), (limit, limit))


def program(name: str) -> str | None:
    """A program on the PATH, else the one that is installed beside this package, else None."""
    return shutil.which(name) or shutil.which(name, path=sysconfig.get_path("scripts"))


def start(
    words: Sequence[str],
    *,
    cwd: Path | None,
    env: Mapping[str, str],
    stdin: bytes | None = None,
    timeout: float | None = None,
    bounds: Bounds | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end.

    Args:
        words: The program and its arguments.
        cwd: Where it runs; None for here.
        env: Its whole environment.
        stdin: What it reads; None for nothing.
        timeout: Seconds after which it is ended; None for no limit.
        bounds: What else it may use; its seconds stand for `timeout`.

    Raises:
        OSError: It can't be started.
        subprocess.TimeoutExpired: It took too long.
    """
    # A group of its own can be ended with all that it has started, but can't ask a person on the terminal.
    apart = bounds is not None and hasattr(os, "killpg") and not os.isatty(0)
    with subprocess.Popen(
        words,
        cwd=cwd,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=tuple(_handed_down),
        preexec_fn=bounds.set if bounds and resource else None,  # noqa: PLW1509 - there is only one thread
        process_group=0 if apart else None,
    ) as process:
        try:
            output, report = process.communicate(stdin or b"", timeout=bounds.seconds if bounds else timeout)
        except BaseException:
            _end(process, with_children=apart)
            raise
    return subprocess.CompletedProcess(words, process.returncode, output, report)


def _end(process: subprocess.Popen[bytes], *, with_children: bool) -> None:
    """End a program, and let it clear up its lock files where it does so in time."""
    with undisturbed():
        if with_children:
            os.killpg(process.pid, signal.SIGTERM)
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
