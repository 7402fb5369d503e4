"""Offline stand-ins for the remote actions and the command-line programs that the workflows use.

They have the contract of the real ones (`contracts.yaml`), refuse what the real ones refuse, record every call as one
JSON line, and do the least local work that the next step needs.
"""

import functools
import shlex
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
PROGRAMS = ["docker", "gh", "uv"]


@functools.cache
def contracts() -> dict[str, Any]:
    """Return what the pinned actions and programs accept."""
    loaded: dict[str, Any] = yaml.safe_load((HERE / "contracts.yaml").read_text(encoding="utf-8"))
    return loaded


def make_actions(folder: Path) -> dict[str, Path]:
    """Write one composite action per pinned action; return pin → directory."""
    written = {}
    for pin, contract in contracts()["actions"].items():
        action, _, commit = pin.partition("@")
        directory = folder / f"{action.replace('/', '+')}-{commit}"
        directory.mkdir(parents=True)
        command = shlex.join(_call("standin_action", pin))
        definition = {
            "name": action,
            "description": "Offline stand-in",
            "inputs": {name: {"description": name} | entry for name, entry in contract["inputs"].items()},
            "outputs": {
                name: {"description": name, "value": "${{ steps.call.outputs." + name + " }}"}
                for name in contract["outputs"]
            },
            "runs": {
                "using": "composite",
                "steps": [{"id": "call", "shell": "bash", "env": {"INPUTS": "${{ toJSON(inputs) }}"}, "run": command}],
            },
        }
        (directory / "action.yml").write_text(yaml.safe_dump(definition, sort_keys=False), encoding="utf-8")
        written[pin] = directory
    return written


def make_programs(folder: Path) -> Path:
    """Write the stand-in programs into a directory for the PATH and return it."""
    folder.mkdir(parents=True)
    for name in PROGRAMS:
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {shlex.join(_call("standin_program", name))} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    return folder


def _call(module: str, name: str) -> list[str]:
    """Return the command that calls a stand-in, from any folder and any environment."""
    start = f"import sys; sys.path.insert(0, {str(HERE.parent)!r}); from workflows.{module} import main; main()"
    return [sys.executable, "-I", "-c", start, name]
