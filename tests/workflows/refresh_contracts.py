"""Write `contracts.yaml`: what the pinned actions and command-line programs accept, taken from their own sources.

Run it after a pin in the templates changed, with a directory of bare clones that hold the pinned commits and tags, such
as `git clone --bare https://github.com/actions/checkout CLONES/actions/checkout.git` makes:

    python tests/workflows/refresh_contracts.py CLONES

Only facts are kept (names, defaults, whether required, outputs), never code.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
TEMPLATES = HERE.parents[1] / "templates"
PINNED = re.compile(
    r"uses: (?P<action>[\w.-]+/[\w./-]+)@(?P<commit>[0-9a-f]{40}) # (?P<version>v[\d.]+)$", re.MULTILINE
)
COMPOSE_COMMANDS = ["up", "pull", "logs", "restart"]
BUILDX_COMMANDS = ["imagetools inspect"]
SOURCES = ["docker/compose", "docker/buildx", "cli/cli"]
TABLE_ROW = re.compile(r"^\| .*?`--(?P<name>[\w-]+)`.*? \| *(`(?P<type>\w+)`)? *\|", re.MULTILINE)
GO_FLAG = re.compile(r'Flags\(\)\.(?P<type>\w+?)(?:Var)?P?\((?:&[\w.]+, )?"(?P<name>[\w-]+)", (?:"(?P<short>\w?)", )?')


def git(clones: Path, repository: str, *arguments: str) -> str:
    """Run git in the clone of `repository` and return its output."""
    directory = clones / f"{repository}.git"
    return subprocess.run(["git", "-C", directory, *arguments], check=True, capture_output=True, text=True).stdout


def pinned_actions() -> Iterator[tuple[str, str, str]]:
    """Yield (action, commit, version) of every pin in the templates."""
    pins = set()
    for path in sorted(TEMPLATES.glob("level*/github/.github/**/*.y*ml*")):
        pins |= {(m["action"], m["commit"], m["version"]) for m in PINNED.finditer(path.read_text(encoding="utf-8"))}
    yield from sorted(pins)


def action_contract(clones: Path, action: str, commit: str, version: str) -> dict[str, Any]:
    """Return the inputs and outputs of an action, and check that the pin is the commit of the tag."""
    repository = "/".join(action.split("/")[:2])
    folder = "".join(f"{part}/" for part in action.split("/")[2:])
    tagged = git(clones, repository, "rev-parse", f"refs/tags/{version}^{{commit}}").strip()
    if tagged != commit:
        sys.exit(f"{action}: {version} is commit {tagged}, but the templates pin {commit}. Correct the pin.")
    names = git(clones, repository, "ls-tree", "--name-only", commit, folder or ".").split()
    name = next(name for name in names if re.fullmatch(rf"{folder}action\.ya?ml", name))
    definition = yaml.safe_load(git(clones, repository, "show", f"{commit}:{name}"))
    inputs = {}
    for key, value in (definition.get("inputs") or {}).items():
        entry: dict[str, bool | str] = {}
        if str((value or {}).get("required", False)).lower() == "true":
            entry["required"] = True
        if (value or {}).get("default") not in (None, ""):
            default = value["default"]
            entry["default"] = str(default).lower() if isinstance(default, bool) else str(default)
        inputs[key] = entry
    return {"version": version, "inputs": inputs, "outputs": sorted(definition.get("outputs") or {})}


def compose_contract(clones: Path, command: str) -> dict[str, str]:
    """Return the options of `docker compose COMMAND` and their value types."""
    path = f"HEAD:docs/reference/docker_compose_{command}.yaml"
    options = yaml.safe_load(git(clones, "docker/compose", "show", path))["options"]
    return {option["option"]: option["value_type"] for option in options if not option["hidden"]}


def buildx_contract(clones: Path, command: str) -> dict[str, str]:
    """Return the options of `docker buildx COMMAND` and their value types."""
    page = git(clones, "docker/buildx", "show", f"HEAD:docs/reference/buildx_{command.replace(' ', '_')}.md")
    return {m["name"]: m["type"] or "bool" for m in TABLE_ROW.finditer(page)}


def gh_release_contract(clones: Path) -> dict[str, str]:
    """Return the options of `gh release create` and their value types."""
    source = git(clones, "cli/cli", "show", "HEAD:pkg/cmd/release/create/create.go")
    source += git(clones, "cli/cli", "show", "HEAD:pkg/cmdutil/repo_override.go")
    return {m["name"]: m["type"].lower() for m in GO_FLAG.finditer(source) if m["type"] in ("Bool", "String")}


def main(clones: Path) -> None:
    """Write the contracts file."""
    actions = {f"{pin[0]}@{pin[1]}": action_contract(clones, *pin) for pin in pinned_actions()}
    programs = {f"docker compose {command}": compose_contract(clones, command) for command in COMPOSE_COMMANDS}
    programs |= {f"docker buildx {command}": buildx_contract(clones, command) for command in BUILDX_COMMANDS}
    programs["gh release create"] = gh_release_contract(clones)
    sources = {name: git(clones, name, "rev-parse", "HEAD").strip() for name in SOURCES}
    text = yaml.safe_dump({"actions": actions, "programs": programs, "sources": sources}, sort_keys=False, width=110)
    heading = "# Written by refresh_contracts.py: what the pinned actions and programs accept.\n"
    (HERE / "contracts.yaml").write_text(heading + text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
