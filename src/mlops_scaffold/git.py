"""Git, one function per verb. The only module that starts it."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mlops_scaffold import processes
from mlops_scaffold.errors import GitError
from mlops_scaffold.processes import Bounds

OLDEST = (2, 38)
"""`git merge-tree --write-tree`, which upgrades are built on, came with 2.38."""


NO_HOOKS = ("-c", "core.hooksPath=/dev/null")
"""A user's hooks may run what is in the repository."""


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
    done = start(["rev-parse", "--show-toplevel"], path)
    return Path(os.fsdecode(done.stdout.rstrip(b"\n"))) if done.returncode == 0 else None


def is_ignored(path: Path, directory: Path) -> bool:
    """Whether the repository around an existing directory ignores a path, which need not exist."""
    return start(["check-ignore", "--quiet", str(path.absolute())], directory).returncode == 0


def ignored(paths: Iterable[str], directory: Path) -> list[str]:
    """Those of some paths below a directory that the repository around it ignores."""
    asked = b"".join(os.fsencode(path) + b"\0" for path in paths)
    done = start(["check-ignore", "-z", "--stdin"], directory, stdin=asked)
    return [os.fsdecode(path) for path in done.stdout.split(b"\0") if path]


def is_unborn(path: Path) -> bool:
    """Whether the repository at `path` has no commit yet."""
    return start(["rev-parse", "--verify", "--quiet", "HEAD"], path).returncode != 0


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
    return all(start(["-c", "user.useConfigOnly=true", "var", role], path).returncode == 0 for role in roles)


def add_all(path: Path) -> None:
    """Stage every file, also those that a global ignore file of the user names."""
    _run([*NO_HOOKS, "add", "--all", "--force"], path)


def empty_index(path: Path) -> None:
    """Unstage everything in a repository without commits, also after a git that was killed in the middle."""
    Path(_run(["rev-parse", "--path-format=absolute", "--git-path", "index.lock"], path).rstrip("\n")).unlink(
        missing_ok=True
    )
    _run([*NO_HOOKS, "read-tree", "--empty"], path)


def has_commit_hooks(path: Path) -> bool:
    """Whether hooks of the user's would see a commit."""
    folder = path / os.fsdecode(start(["rev-parse", "--git-path", "hooks"], path).stdout.rstrip(b"\n"))
    return any((folder / name).exists() for name in ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit"))


def commit(message: str, path: Path, *, with_hooks: bool = True) -> str | None:
    """Commit what is staged, as the user, with the user's own signing and, if wanted, hooks.

    Returns:
        None, or why there is no commit: nobody is configured as the user (nobody is guessed), a hook or the signing
        program said no.
    """
    hooks = [] if with_hooks else NO_HOOKS
    done = start([*hooks, "-c", "user.useConfigOnly=true", "commit", "--quiet", "--message", message], path)
    return None if done.returncode == 0 else reason(done)


def start(
    words: Sequence[str],
    path: Path | None,
    *,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
    bounds: Bounds | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a git command, whatever it answers.

    Args:
        words: The verb and its arguments.
        path: Where it runs; None for here.
        stdin: What it reads.
        env: Variables to set for it. Those of the caller that point git somewhere else are taken away.
        bounds: What it may use; None for no limit.

    Raises:
        GitError: Git can't be started.
        subprocess.TimeoutExpired: It took longer than the bounds allow.
    """
    # A caller's GIT_DIR or GIT_INDEX_FILE (we may run inside a hook) would point git at another repository.
    kept = ("GIT_AUTHOR_", "GIT_COMMITTER_", "GIT_CONFIG_", "GIT_SSH", "GIT_EXEC_PATH", "GIT_TRACE", "GIT_TEMPLATE_DIR")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name.startswith(kept)
    }
    try:
        # Its sentences are read here, and shown among ours. Only `commit` runs hooks that speak to the user.
        if "commit" not in words:
            environment["LANGUAGE"] = "en"
        variables = {**environment, **(env or {})}
        return processes.start(["git", *words], cwd=path, env=variables, stdin=stdin, bounds=bounds)
    except OSError as error:
        raise GitError(f"Git can't be started: {error.strerror}. Install it again, then run this again.") from error


def output(
    words: Sequence[str], path: Path | None, *, stdin: bytes | None = None, env: Mapping[str, str] | None = None
) -> bytes:
    """What a git command prints; the arguments are those of `start`.

    Raises:
        GitError: It failed.
    """
    done = start(words, path, stdin=stdin, env=env)
    if done.returncode != 0:
        verb = next(word for word in words if not word.startswith("-") and "=" not in word)
        raise GitError(f"`git {verb}` failed: {reason(done)}. Mend that, then run this again.")
    return done.stdout


def _run(words: Sequence[str], path: Path | None = None) -> str:
    return os.fsdecode(output(words, path))


def reason(done: subprocess.CompletedProcess[bytes]) -> str:
    """The line of git's report that a reader needs: an error, else what was fatal, else the last but hints."""
    report = (done.stderr or done.stdout).decode(errors="replace")
    lines = [line for line in report.splitlines() if line.strip() and not line[0].isspace()]
    errors = [line for line in lines if line.startswith("error:")]
    fatal = [line for line in lines if line.startswith("fatal:")]
    return (errors or fatal or lines or ["it gave no reason"])[-1].rstrip(".")


def _settings(pattern: str, path: Path) -> dict[str, str]:
    """The settings whose lower-case name matches, the most specific place winning."""
    lines = start(["config", "--get-regexp", pattern], path).stdout.decode(errors="replace").splitlines()
    return dict(line.split(" ", 1) for line in lines if " " in line)


def references(pattern: str, path: Path) -> list[str]:
    """The full names of the references that match a pattern such as `refs/tags/v*`."""
    return _run(["for-each-ref", "--format=%(refname)", pattern], path).splitlines()


def are_trees(names: Sequence[str], path: Path) -> list[bool]:
    """Whether each object name, for instance `refs/tags/v1.0.0:docs`, is a directory."""
    lines = output(["cat-file", "--batch-check=%(objecttype)"], path, stdin="".join(f"{n}\n" for n in names).encode())
    return [line == b"tree" for line in lines.splitlines()]


def init_bare(path: Path) -> None:
    """Make a repository for objects alone, in a format that does not depend on the user's settings."""
    _run(["init", "--quiet", "--bare", "--template=", "--object-format=sha1"], path)


def unbundle(bundle: Path, path: Path) -> None:
    """Put the objects of a bundle into a bare repository, without making a reference.

    Raises:
        GitError: The bundle is damaged.
    """
    output(["bundle", "unbundle", str(bundle.absolute())], path, env={"GIT_DIR": str(path.absolute())})


def files_of(tree: str, path: Path, env: Mapping[str, str] | None = None) -> list[tuple[str, str, bytes]] | None:
    """Mode, path and bytes of every file in a tree; a link's bytes are its target.

    Args:
        tree: What names the tree, for instance `refs/tags/v1.0.0:docs`.
        path: Where the repository is.
        env: Variables that say where git finds it: a user may forbid to find a bare one by itself.

    Returns:
        None when there is no such tree.

    Raises:
        GitError: An object is missing or damaged.
    """
    listed = start(["ls-tree", "-r", "-z", tree], path, env=env)
    if listed.returncode != 0:
        return None
    entries = [entry.partition(b"\t") for entry in listed.stdout.split(b"\0")[:-1]]
    heads = [head.decode().split() for head, _, _ in entries]
    contents = blobs([oid for _, _, oid in heads], path, env)
    if missing := [oid for _, _, oid in heads if oid not in contents]:
        raise GitError(f"The object {missing[0]} is missing in {path}. Fetch the whole history, then run this again.")
    names = [os.fsdecode(name) for _, _, name in entries]
    return [(mode, name, contents[oid]) for (mode, _, oid), name in zip(heads, names, strict=True)]


def blobs(ids: Sequence[str], path: Path, env: Mapping[str, str] | None = None) -> dict[str, bytes]:
    """The contents of blobs, in one process.

    Args:
        ids: Object ids, or other names of objects such as `HEAD:README.md`.
        path: Where the repository is.
        env: Variables that say where else git finds objects.

    Returns:
        Id → content; what is missing or no blob is left out, also what a partial clone can't fetch now.

    Raises:
        GitError: An object is damaged.
    """
    local = {"GIT_NO_LAZY_FETCH": "1", **(env or {})}
    try:
        return _blobs(ids, path, local)
    except GitError:
        # A partial clone lacks objects that its other repository has; there git fails instead of saying "missing".
        if not _settings(r"^(remote\..*\.promisor|extensions\.partialclone)$", path):
            raise
    with suppress(GitError):
        return _blobs(ids, path, env)
    found: dict[str, bytes] = {}
    for oid in ids:
        with suppress(GitError):
            found |= _blobs([oid], path, local)
    return found


def _blobs(ids: Sequence[str], path: Path, env: Mapping[str, str] | None) -> dict[str, bytes]:
    if not ids:
        return {}
    asked = b"".join(os.fsencode(oid) + b"\n" for oid in ids)
    answer = output(["cat-file", "--batch"], path, stdin=asked, env=env)
    found, at = {}, 0
    for oid in ids:
        end = answer.index(b"\n", at)
        *_, kind, size = answer[at:end].split(b" ")
        at = end + 1
        if size in (b"missing", b"ambiguous"):
            continue
        if kind == b"blob":
            found[oid] = answer[at : at + int(size)]
        at += int(size) + 1
    return found
