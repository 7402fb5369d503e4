"""Run the uv commands of a Dockerfile in a scratch folder, where there is no container engine.

The paths of the image become paths below the scratch folder. COPY obeys `.dockerignore`. Instructions that need a
container (users, packages of the distribution) are left out.
"""

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

IMAGE_PATHS = re.compile(r"(?<![\w./-])/(app|build|model|project)\b")


@dataclass(kw_only=True)
class Image:
    """What the last stage of a Dockerfile says."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)
    user: str = ""


def instructions(text: str) -> list[tuple[str, str]]:
    """Return (instruction, arguments) pairs, with continued lines joined and comments left out."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = (line.split(maxsplit=1) for line in joined.splitlines())
    return [(name.upper(), arguments) for name, arguments in pairs]


def build(context: Path, root: Path, **arguments: str) -> Image:
    """Build the image below `root`.

    Args:
        context: Directory with `Dockerfile` and `.dockerignore`.
        root: New directory that stands for `/`.
        arguments: Values of the Dockerfile's arguments, by name.

    Raises:
        subprocess.CalledProcessError: A RUN command failed.
    """
    sent = root / "context"
    _send(context, sent)
    image = Image(root=root)
    folder = root
    steps = instructions((context / "Dockerfile").read_text(encoding="utf-8"))
    defaults = (rest.partition("=") for name, rest in steps if name == "ARG")
    given = {f"${name}": arguments.get(name, default) for name, _, default in defaults}
    for name, rest in steps:
        if name == "FROM":
            image, folder = Image(root=root), root
        elif name == "ENV":
            words = (word.partition("=") for word in shlex.split(rest))
            image.environment |= {key: given.get(value, _below(root, value)) for key, _, value in words}
        elif name == "WORKDIR":
            folder = Path(_below(root, rest))
            folder.mkdir(parents=True, exist_ok=True)
        elif name == "COPY" and not rest.startswith("--from"):
            *sources, target = rest.split()
            _copy(sent, sources, folder / target)
        elif name == "RUN" and "uv " in rest:
            _run(re.sub(r"--mount=\S+\s+", "", rest), folder, image)
        elif name == "CMD":
            image.command = json.loads(rest)
        elif name == "HEALTHCHECK":
            image.healthcheck = json.loads(rest.partition("CMD ")[2])
        elif name == "USER":
            image.user = rest
    return image


def running_environment(image: Image) -> dict[str, str]:
    """Return the environment of a process in the image."""
    own = image.environment
    return {**own, "PATH": own["PATH"].replace("$PATH", os.environ["PATH"])}


def _below(root: Path, value: str) -> str:
    return IMAGE_PATHS.sub(lambda path: f"{root}{path.group()}", value)


def _run(command: str, folder: Path, image: Image) -> None:
    # Byte-compiling takes half a minute and proves nothing here; the cache of the image is the one of this machine.
    fast = {"UV_COMPILE_BYTECODE": "0", "UV_LINK_MODE": "hardlink"}
    environment = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "PYTHONPATH")}
    environment |= {
        key: value for key, value in image.environment.items() if key not in ("PATH", "UV_CACHE_DIR")
    } | fast
    subprocess.run(["sh", "-e", "-c", _below(image.root, command)], cwd=folder, env=environment, check=True)


def _copy(sent: Path, sources: list[str], target: Path) -> None:
    for source in sources:
        path = sent / source
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True)
        elif path.is_file():
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        else:
            raise subprocess.CalledProcessError(1, f"COPY {source}", "not found in the build context")


def _send(context: Path, sent: Path) -> None:
    lines = (context / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    for folder, folders, files in os.walk(context):
        inside = PurePosixPath(Path(folder).relative_to(context).as_posix())
        folders[:] = [name for name in folders if name not in (".git", ".venv")]
        for name in files:
            if not _ignored(inside / name, patterns):
                (sent / inside).mkdir(parents=True, exist_ok=True)
                shutil.copy(Path(folder, name), sent / inside / name)


def _ignored(path: PurePosixPath, patterns: list[str]) -> bool:
    """The last pattern that matches the path or a parent decides, as in Docker."""
    ignored = False
    for pattern in patterns:
        glob = pattern.removeprefix("!").removeprefix("**/").rstrip("/")
        candidates = [path, *path.parents][:-1]
        anywhere = pattern.removeprefix("!").startswith("**/")
        names = [candidate.name if anywhere else candidate.as_posix() for candidate in candidates]
        if any(fnmatch.fnmatchcase(name, glob) and (anywhere or "/" not in name or "/" in glob) for name in names):
            ignored = not pattern.startswith("!")
    return ignored
