"""Git, one function per verb. The only module that starts it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from mlops_scaffold.errors import GitError

OLDEST = (2, 38)
"""`git merge-tree --write-tree`, which upgrades are built on, came with 2.38."""


def require() -> None:
    """Make sure that a usable git is on the PATH.

    Raises:
        GitError: There is none, or it is older than `OLDEST`.
    """
    if shutil.which("git") is None:
        raise GitError("Git was not found on this machine. Install it from https://git-scm.com, then run this again.")
    found = re.search(r"(\d+)\.(\d+)", _run(["version"]))
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        version = found[0] if found else "of unknown version"
        raise GitError(f"The git here is {version}; {wanted} or newer is needed. Update it, then run this again.")


def top_level(path: Path) -> Path | None:
    """The root of the work tree that holds an existing directory, or None outside of any."""
    if shutil.which("git") is None:
        return None
    done = _start(["rev-parse", "--show-toplevel"], path)
    return Path(done.stdout.rstrip("\n")) if done.returncode == 0 else None


def is_ignored(path: Path, directory: Path) -> bool:
    """Whether the repository around an existing directory ignores a path, which need not exist."""
    return _start(["check-ignore", "--quiet", str(path.absolute())], directory).returncode == 0


def is_unborn(path: Path) -> bool:
    """Whether the repository at `path` has no commit yet."""
    return _start(["rev-parse", "--verify", "--quiet", "HEAD"], path).returncode != 0


def init(path: Path) -> None:
    """Make a repository with the user's default branch (else `main`) and the user's template (else no sample hooks)."""
    configured = _settings(r"^init\.(defaultbranch|templatedir)$", path)
    branch = configured.get("init.defaultbranch", "main")
    template = [] if "init.templatedir" in configured else ["--template="]
    _run(["init", "--quiet", *template, f"--initial-branch={branch}"], path)


def configured_user(path: Path) -> dict[str, str]:
    """`user.name` and `user.email` as configured for a directory; what is not configured is absent."""
    if shutil.which("git") is None:
        return {}
    return _settings(r"^user\.(name|email)$", path)


def has_identity(path: Path) -> bool:
    """Whether git knows who commits: configured or in the environment, never guessed from the host's name."""
    roles = ("GIT_COMMITTER_IDENT", "GIT_AUTHOR_IDENT")
    return all(_start(["-c", "user.useConfigOnly=true", "var", role], path).returncode == 0 for role in roles)


def add_all(path: Path) -> None:
    """Stage every file, also those that a global ignore file of the user names."""
    _run(["add", "--all", "--force"], path)


def empty_index(path: Path) -> None:
    """Unstage everything in a repository without commits, also after a git that was killed in the middle."""
    Path(_run(["rev-parse", "--path-format=absolute", "--git-path", "index.lock"], path).rstrip("\n")).unlink(
        missing_ok=True
    )
    _run(["read-tree", "--empty"], path)


def commit(message: str, path: Path) -> str | None:
    """Commit what is staged, as the user, with the user's own hooks and signing.

    Returns:
        None, or why there is no commit: nobody is configured as the user (nobody is guessed), a hook or the signing
        program said no.
    """
    done = _start(["-c", "user.useConfigOnly=true", "commit", "--quiet", "--message", message], path)
    return None if done.returncode == 0 else _reason(done)


def _run(words: list[str], path: Path | None = None) -> str:
    done = _start(words, path)
    if done.returncode != 0:
        raise GitError(f"`git {words[0]}` failed: {_reason(done)}. Mend that, then run this again.")
    return done.stdout


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """The line of git's report that a reader needs: an error, else the last that is not an indented hint."""
    lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip() and not line[0].isspace()]
    errors = [line for line in lines if line.startswith("error:")]
    return (errors or lines or ["it gave no reason"])[-1].rstrip(".")


def _settings(pattern: str, path: Path) -> dict[str, str]:
    """The settings whose lower-case name matches, the most specific place winning."""
    lines = _start(["config", "--get-regexp", pattern], path).stdout.splitlines()
    return dict(line.split(" ", 1) for line in lines if " " in line)


def _start(words: list[str], path: Path | None) -> subprocess.CompletedProcess[str]:
    # A caller's GIT_DIR or GIT_INDEX_FILE (we may run inside a hook) would point git at another repository.
    kept = ("GIT_AUTHOR_", "GIT_COMMITTER_", "GIT_CONFIG_", "GIT_SSH", "GIT_EXEC_PATH", "GIT_TRACE", "GIT_TEMPLATE_DIR")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name.startswith(kept)
    }
    try:
        return subprocess.run(
            ["git", *words],
            cwd=path,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise GitError(f"Git can't be started: {error.strerror}. Install it again, then run this again.") from error
