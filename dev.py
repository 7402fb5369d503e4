"""Everything a developer runs, from a fresh clone with Python >= 3.11 and git and nothing else.

    python3 dev.py demo     make a level 1 repository, collect data, train, serve, answer a request
    python3 dev.py test     lint, types and the whole test suite

Both are thin over uv. Where uv is missing it is put into `.tools/`, never into your Python.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent
TOOLS = ROOT / ".tools"
UV = "uv>=0.13,<1"
NODE_PACKAGES = ("tests/workflows/language_service", "tests/browser")
DEMO = ROOT / "demo" / "flight-delays"
FLIGHT = {
    "scheduled_departure": "2013-03-01T17:45:00",
    "carrier": "B6",
    "origin": "JFK",
    "dest": "BOS",
    "distance": 187.0,
}


def uv_program() -> str:
    """The uv on the PATH, else one in `.tools/`, installed when it is not there yet."""
    if found := shutil.which("uv"):
        return found
    scripts = TOOLS / "uv" / ("Scripts" if os.name == "nt" else "bin")
    if not (program := shutil.which("uv", path=str(scripts))):
        print(f"uv was not found; installing it into {TOOLS.relative_to(ROOT)}/", flush=True)
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(TOOLS / "uv"), UV]
        if subprocess.run(install, check=False).returncode != 0:
            sys.exit(
                "uv can't be installed, because this Python has no working pip. Add pip (on Debian and Ubuntu: "
                "apt install python3-pip) or install uv (https://docs.astral.sh/uv/), then run this again."
            )
        program = shutil.which("uv", path=str(scripts))
    return program or sys.exit(f"uv is not in {scripts} after its installation. Remove {TOOLS}, then run this again.")


def environment(uv: str) -> dict[str, str]:
    """The environment of every command: uv is on the PATH, and an active virtual environment is not ours."""
    kept = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    return {**kept, "PATH": os.pathsep.join([str(Path(uv).parent), kept.get("PATH", "")])}


def run(words: list[str], *, cwd: Path = ROOT, env: dict[str, str], show: str | None = None) -> None:
    """Print a command, run it, and stop here when it fails."""
    print(f"\n$ {show or ' '.join(words)}", flush=True)
    if (code := subprocess.run(words, cwd=cwd, env=env, check=False).returncode) != 0:
        sys.exit(code)


def test(arguments: list[str]) -> None:
    """Lint, types, import contract and tests; arguments go to pytest, and then only it runs."""
    uv = uv_program()
    env = environment(uv)
    sync = "uv sync --quiet --group validators"
    run([uv, *sync.split()[1:]], env=env, show=sync)
    for folder in NODE_PACKAGES:
        npm = f"npm install --no-package-lock --no-audit --no-fund --prefix {folder}"
        run([uv, "run", "--no-sync", *npm.split()], env=env, show=npm)
    if not arguments:
        for words in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"], ["lint-imports", "--no-logo"]):
            run([uv, "run", "--no-sync", *words], env=env, show=f"uv run {' '.join(words)}")
    # One more than CI has cores: many tests wait for services and disks, about a sixth of the time.
    words = ["pytest", *(arguments or ["-n", "3", "--dist", "loadfile", "--no-loadscope-reorder"])]
    run([uv, "run", "--no-sync", *words], env=env, show=f"uv run {' '.join(words)}")


def demo() -> None:
    """From nothing to a level 1 repository that has collected data, trained and answered a scoring request."""
    uv = uv_program()
    env = environment(uv)
    run([uv, "sync", "--quiet", "--no-dev"], env=env, show="uv sync --no-dev")
    if DEMO.exists():
        shutil.rmtree(DEMO)
    new = ["mlops-scaffold", "new", str(DEMO.relative_to(ROOT)), "--level", "1", "--defaults"]
    run([uv, "run", "--no-sync", *new], env=env, show=" ".join(new))
    for task in ("collect", "train"):
        run([uv, "run", "poe", task], cwd=DEMO, env=env, show=f"uv run poe {task}")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    words = ["run", "poe", "serve", "--port", str(port)]
    print(f"\n$ uv {' '.join(words)} &", flush=True)
    server = subprocess.Popen([uv, *words], cwd=DEMO, env=env)
    try:
        request(f"http://127.0.0.1:{port}", server)
    finally:
        server.terminate()
        server.wait(20)
    print(f"\nThe repository is in {DEMO.relative_to(ROOT)}. `uv run poe check` there runs its lint, types and tests.")


def request(url: str, server: subprocess.Popen[bytes]) -> None:
    """Wait until the model is loaded, then send one request and print the answer."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"{url}/ready", timeout=5):
                break
        except (urllib.error.URLError, OSError):
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit("The service did not start. Its messages are above.")
            time.sleep(0.2)
    body = json.dumps({"instances": [FLIGHT]})
    print(f"\n$ curl {url}/score --json '{body}'")
    asked = urllib.request.Request(f"{url}/score", body.encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        print(json.dumps(json.load(answer), indent=2))


def main() -> None:
    """Run the command that was named."""
    if sys.argv[1:] == ["demo"]:
        demo()
    elif sys.argv[1:2] == ["test"]:
        test(sys.argv[2:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    if sys.version_info < (3, 11):
        sys.exit("Python 3.11 or newer is needed. Run this with one, for instance python3.12 dev.py test.")
    main()
