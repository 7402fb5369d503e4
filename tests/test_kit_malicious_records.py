"""Kits are untrusted: a cloned repository says which kit it has, and may lie; and what uv and git run on the way."""

import json
import time
from pathlib import Path

import pytest
from repositories import Done, Team, command, copy_of, git, put, small, small_root
from strange_kits import TOML, Objects, Stage, repository, stage

__all__ = ["small", "small_root", "stage"]

PROJECT = ".mlops-scaffold/project.yml"

COMMIT = "1" * 40

RECORDS: dict[str, dict[str, object]] = {
    "a program": {"source": "ext::sh -c 'ATTACK'", "commit": COMMIT},
    "an option": {"source": "--upload-pack=ATTACK", "commit": COMMIT},
    "an option as ref": {"source": "file:///x", "ref": "--upload-pack=ATTACK", "commit": COMMIT},
    "an option as ref of a folder": {"ref": "--upload-pack=ATTACK"},
    "a ref with a range": {"ref": "a..b"},
    "an option for ssh": {"source": "ssh://-oProxyCommand=ATTACK/x", "commit": COMMIT},
    "another protocol": {"source": "http://127.0.0.1:1/x", "commit": COMMIT},
    "a commit that is none": {"commit": "--upload-pack=ATTACK"},
    "a commit that is long": {"commit": "a" * 100_000},
    "no place": {"source": ""},
    "the project itself": {"source": "."},
    "a folder of the machine": {"source": "/etc"},
    "a file of the machine": {"source": "/etc/passwd"},
    "a device": {"source": "/dev/zero"},
    "a folder further up": {"source": "../" * 30 + "etc"},
    "very far up": {"source": "../" * 2000},
    "a long name": {"source": "a" * 5000},
    "another machine": {"source": "\\\\127.0.0.1\\share"},
    "lists": {"source": ["a"], "name": {"a": 1}, "version": 1, "ref": 3.5, "commit": [1]},
}
"""What differs from an honest record."""


def _bears(done: Done, *codes: int) -> None:
    assert done.code in codes, (done.code, done.err)
    assert "Traceback" not in done.err
    assert "\x1b" not in done.out + done.err
    if done.code:
        assert done.err.startswith("mlops-scaffold: ")


def _record(team: Team, stage: Stage, facts: dict[str, object]) -> None:
    honest = {"name": "strange", "version": "1.0.0", "source": str(stage.root / "kit"), "ref": None, "commit": None}
    lines = [f"  {name}: {json.dumps(fact)}\n" for name, fact in {**honest, **facts}.items()]
    team.write(
        PROJECT, team.read(PROJECT).partition("kit:\n")[0] + "kit:\n" + "".join(lines).replace("ATTACK", stage.attack)
    )
    team.commit()


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_that_lies(stage: Stage, name: str) -> None:
    team = stage.made(stage.kit())
    _record(team, stage, RECORDS[name])
    begun = time.monotonic()
    _bears(command("status", team.path), 0)
    _bears(command("status", team.path, "--json"), 0)
    _bears(team.upgrade("--preview"), 0, 3)
    _bears(team.update("--preview"), 0, 1, 3)
    _bears(team.update("--preview", "--kit", "@--upload-pack=x"), 3)
    _bears(team.abort(), 3)
    _bears(team.update("--no-kit"), 0)
    assert time.monotonic() - begun < 30
    _bears(team.abort(), 0)


@pytest.mark.parametrize("field", ["name", "version", "source", "ref", "commit"])
@pytest.mark.parametrize("text", ["x\x1b]0;x\x07\x1b[2J", "x\ny", "\0"])
def test_a_record_that_a_terminal_obeys(stage: Stage, field: str, text: str) -> None:
    team = stage.made(stage.kit())
    _record(team, stage, {field: text})
    for verb in ("status", "upgrade", "update"):
        _bears(command(verb, team.path), 3)


@pytest.mark.parametrize("text", ["x\x1b]0;x\x07", "x\nNothing is left to do."])
def test_an_answer_that_a_terminal_obeys(stage: Stage, text: str) -> None:
    team = stage.made(stage.kit())
    before = team.read(PROJECT)
    lines = [f"  project_name: {json.dumps(text)}" if "project_name:" in line else line for line in before.splitlines()]
    team.write(PROJECT, "\n".join(lines) + "\n")
    team.commit()
    for verb in ("status", "upgrade", "update"):
        _bears(command(verb, team.path), 3)


@pytest.mark.parametrize("text", ["[1]", "null", "&a [*a]", "x", "{source: x}"])
def test_a_record_that_is_none(stage: Stage, text: str) -> None:
    team = stage.made(stage.kit())
    team.write(PROJECT, team.read(PROJECT).partition("kit:\n")[0] + f"kit: {text}\n")
    team.commit()
    for done in (command("status", team.path), team.upgrade(), team.update()):
        _bears(done, 3)


@pytest.mark.parametrize("source", ["https://127.0.0.1:1/x", "git@host:kit.git", "ssh://host/x", "file://host/x"])
def test_status_asks_no_other_machine(stage: Stage, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    team = stage.made(stage.kit())
    _record(team, stage, {"source": source, "commit": COMMIT})
    heard = stage.root / "heard"
    for name in ("GIT_SSH_COMMAND", "GIT_PROXY_COMMAND"):
        monkeypatch.setenv(name, f"touch {heard};")
    monkeypatch.setenv("GIT_TRACE", str(stage.root / "trace"))
    assert team.status()["kit"]["source"] == source
    words = (stage.root / "trace").read_text()
    assert not heard.exists()
    assert [verb for verb in ("fetch", "ls-remote", "clone", "remote-") if verb in words] == []


def _vendored(team: Team, attack: str) -> Path:
    """A kit inside a project which git takes for a repository, with settings that came with a clone."""
    kit = team.path / "vendor"
    put(kit / "kit.toml", TOML)
    put(kit / "level1/project/note.md", "A note.\n")
    (kit / "refs" / "heads").mkdir(parents=True)
    put(kit / "objects" / "keep", "")
    put(kit / "refs" / "heads" / "main", COMMIT + "\n")
    put(kit / "HEAD", "ref: refs/heads/main\n")
    settings = (
        f"[core]\n repositoryformatversion = 1\n bare = false\n worktree = {kit}\n sshCommand = {attack}\n"
        f'[extensions]\n partialClone = o\n[remote "o"]\n promisor = true\n url = {team.path.as_uri()}\n'
        f" uploadpack = {attack};\n"
    )
    put(kit / "config", settings)
    return kit


@pytest.mark.parametrize("ref", [None, "main"])
def test_a_repository_within_the_project_is_not_obeyed(stage: Stage, ref: str | None) -> None:
    team = stage.made(stage.kit())
    _vendored(team, stage.attack)
    _record(team, stage, {"source": "vendor", "ref": ref})
    for done in (command("status", team.path), team.upgrade("--preview"), team.update("--preview")):
        _bears(done, 0, 3)


def test_a_kit_that_turns_bad_later(stage: Stage) -> None:
    """The same address, a week later: nothing of the repository changes."""
    kit = repository(stage.kit())
    team = stage.made(kit.as_uri())
    before = team.git("rev-parse", "HEAD"), team.tree()
    objects = Objects(stage.root / "bad")
    for entry in (
        ("120000", "a", objects.blob("/etc")),
        ("160000", "a", COMMIT),
        ("40000", ".git", objects.tree(("100644", "a", objects.blob()))),
        ("100644", "readme.md", objects.blob()),
        ("100644", "a.md.jinja", objects.blob("{= ''.__class__ =}")),
    ):
        git(kit, "fetch", "--quiet", objects.kit(entry), "+main:bad")
        git(kit, "update-ref", "refs/heads/main", "bad")
        _bears(team.update(), 3)
        assert (team.git("rev-parse", "HEAD"), team.tree()) == before
        assert team.changes() == []
        assert team.status()["level"] == 1


def test_a_copy_of_a_repository_does_not_reach_the_kit_of_the_first(stage: Stage) -> None:
    """A path that is not absolute leads from the repository, wherever it is, and never through a link."""
    team = stage.made(stage.kit())
    _record(team, stage, {"source": "../../kit"})
    assert team.status()["kit"]["source"] == "../../kit"
    (stage.root / "deeper").mkdir()
    other = copy_of(team, stage.root / "deeper" / "down" / "demo")
    _bears(other.upgrade(), 3)


BACKEND = """[build-system]
requires = []
build-backend = "evil"
backend-path = ["tools"]
[project]
name = "demo"
dynamic = ["version", "dependencies"]
requires-python = ">=3.11"
"""


PYTHON = '#!/bin/sh\nATTACK\nexec python3 "$@"\n'

OBEYED = {
    "a build backend": {"pyproject.toml": BACKEND, "tools/evil.py": "import os\nos.system('ATTACK')\n"},
    "a Python": {".python-version": "tools/python\n", "tools/python": PYTHON},
    "a list of Pythons": {".python-versions": "tools/python\n", "tools/python": PYTHON},
}
"""What uv runs when it locks."""


def _obeyed(name: str, level: int, attack: str) -> dict[str, str]:
    files = OBEYED[name].items()
    return {f"level{level}/project/{path}": text.replace("ATTACK", attack) for path, text in files}


def _programs(kit: Path) -> None:
    for path in kit.rglob("python"):
        path.chmod(0o755)


@pytest.mark.parametrize("name", OBEYED)
def test_a_new_repository_is_not_locked_by_what_a_kit_brings(stage: Stage, name: str) -> None:
    kit = stage.kit(_obeyed(name, 1, stage.attack))
    _programs(kit)
    done = command("new", stage.destination, "--kit", kit, "--defaults")
    _bears(done, 0)
    assert "The dependencies are not locked" in done.out
    assert not stage.marker.exists()


@pytest.mark.parametrize("name", OBEYED)
def test_an_upgrade_locks_nothing_that_a_kit_brings(stage: Stage, name: str) -> None:
    kit = stage.kit(_obeyed(name, 2, stage.attack))
    _programs(kit)
    team = stage.made(repository(kit))
    team.write("uv.lock", "version = 1\n")
    team.commit()
    done = command("upgrade", team.path, "--defaults")
    _bears(done, 0)
    assert team.read("uv.lock") == "version = 1\n"
    assert not stage.marker.exists()
