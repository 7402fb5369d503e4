"""Locking obeys what a kit tells uv, so it waits until somebody has read that."""

import os
from pathlib import Path

import pytest
from kit_team import KitRepository, harbour, make_kit
from repositories import Team, command, git

__all__ = ["harbour"]

INTERPRETER = "level1/project/tools/python"
BACKEND = """{% extends "level1/project/ops/pyproject.toml.jinja" %}
{% block dependencies %}
{= super() =}
[tool.uv]
cache-dir = "../elsewhere"
{% endblock %}
"""


@pytest.fixture
def kit(tmp_path: Path, git_user: None) -> KitRepository:  # noqa: ARG001 - git needs a user
    """A kit that tells uv nothing, version 1.0.0."""
    command("kit", "init", tmp_path / "starter", "--no-git")
    return make_kit(tmp_path / "kit", tmp_path / "starter")


def with_interpreter(kit: KitRepository, marker: Path) -> None:
    """uv starts what `.python-version` names, to ask it for its version."""
    program = kit.path / INTERPRETER
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\ntouch {marker}\n")
    program.chmod(0o755)
    (kit.path / "level1/project/.python-version").write_text("./tools/python\n")
    kit.edit("level1/project/docs/support.md.jinja", "Questions", "All questions")
    kit.edit("kit.toml", 'python_version = "3.12"', 'python_version = "3.13"')


def test_a_new_repository_is_not_locked_by_what_nobody_has_read(kit: KitRepository, tmp_path: Path) -> None:
    marker = tmp_path / "started"
    with_interpreter(kit, marker)
    done = command("new", tmp_path / "churn", "--kit", kit.path, "--defaults")
    assert done.code == 0
    said = "Note: The dependencies are not locked: by .python-version the kit kit 1.0.0 tells uv what to use"
    assert said.replace("kit kit", "kit starter") in done.out
    assert not marker.exists()
    assert not (tmp_path / "churn/uv.lock").exists()
    command("new", tmp_path / "claims", "--kit", kit.path, "--defaults", "--lock")
    assert marker.exists(), "this is what would have been started"


def test_hooks_of_the_user_do_not_run_what_a_kit_gives(
    kit: KitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pre-commit's do, which `git init` puts into each repository of those who want that."""
    hooks = tmp_path / "template/hooks"
    hooks.mkdir(parents=True)
    for name in ("pre-commit", "post-index-change"):
        (hooks / name).write_text("#!/bin/sh\nsh tools/check.sh\n")
        (hooks / name).chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(f"{Path(os.environ['GIT_CONFIG_GLOBAL']).read_text()}\ttemplateDir = {hooks.parent}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    marker = tmp_path / "started"
    (kit.path / "level1/project/tools").mkdir()
    (kit.path / "level1/project/tools/check.sh").write_text(f"touch {marker}\n")
    done = command("new", tmp_path / "churn", "--kit", kit.path, "--defaults", "--no-lock")
    assert done.code == 0
    assert "Note: Your git hooks did not see the first commit, since they may run what the kit has given." in done.out
    assert git(tmp_path / "churn", "log", "--format=%s").startswith("Start the project")
    assert not marker.exists()
    (tmp_path / "churn/new.txt").touch()
    git(tmp_path / "churn", "add", "new.txt")
    git(tmp_path / "churn", "commit", "--quiet", "--message", "By hand")
    assert marker.exists(), "this is what would have been started"


def test_an_update_is_not_locked_by_what_nobody_has_read(kit: KitRepository, tmp_path: Path) -> None:
    marker = tmp_path / "started"
    team = Team(path=tmp_path / "churn")
    command("new", team.path, "--kit", f"{kit.url}@v1.0.0", "--defaults", "--no-lock")
    (team.path / "uv.lock").write_text("version = 1\n")
    team.commit()
    with_interpreter(kit, marker)
    kit.release("2.0.0")
    words = ("update", team.path, "--kit", "@v2.0.0", "--json")
    seen = command(*words, "--preview")
    assert "uv.lock does not fit any more" in command("update", team.path, "--kit", "@v2.0.0", "--preview").out
    done = command(*words)
    for report in (seen.data, done.data):
        assert report["locks_dependencies"] is False
    (note,) = done.data["notes"]
    assert "tells uv what to use, and uv may run it. Read that, then run `uv lock`." in note
    assert not marker.exists()
    assert command("update", team.path, "--abort").code == 0
    assert command(*words, "--preview", "--lock").data["locks_dependencies"] is True


@pytest.mark.parametrize(
    ("name", "content", "waits"),
    [
        ("level1/project/{% if level > 1 %}.python-version{% endif %}", "./python\n", True),
        ("level1/project/uv.toml.jinja", "{% if level > 1 %}\noffline = true\n{% endif %}\n", True),
        ("level1/project/uv.toml", "offline = true\n", False),
        ("level2/project/uv.toml", 'cache-dir = "../elsewhere"\n', True),
        ("level2/project/ops/pyproject.toml.jinja", BACKEND, True),
        ("level2/project/{= support_channel =}", "./python\n", True),
        ("level2/project/docs/more.md", "More\n", False),
        ("level3/project/uv.toml", "offline = true\n", False),
    ],
)
def test_an_upgrade_waits_only_for_what_is_new(
    name: str, content: str, waits: bool, kit: KitRepository, tmp_path: Path
) -> None:
    (kit.path / name).parent.mkdir(parents=True, exist_ok=True)
    (kit.path / name).write_text(content)
    kit.release("1.1.0")
    team = Team(path=tmp_path / "churn")
    answer = ("-d", "support_channel=.python-version")
    command("new", team.path, "--kit", f"{kit.url}@v1.1.0", "--defaults", "--no-lock", *answer)
    (team.path / "uv.lock").write_text("version = 1\n")
    team.commit()
    preview = command("upgrade", team.path, "--preview", "--json")
    assert preview.code == 0
    assert preview.data["locks_dependencies"] is not waits


def test_an_answer_that_changes_what_uv_is_told_waits_too(kit: KitRepository, tmp_path: Path) -> None:
    path = kit.path / "level1/project/{% if support_channel == 'x' %}.python-version{% endif %}"
    path.write_text("./python\n")
    kit.edit("level1/project/README.md.jinja", "Ask in", "Please ask in")
    kit.release("1.1.0")
    team = Team(path=tmp_path / "churn")
    command("new", team.path, "--kit", f"{kit.url}@v1.1.0", "--defaults", "--no-lock")
    (team.path / "uv.lock").write_text("version = 1\n")
    team.commit()
    for answer in ("support_channel=y", "support_channel=x"):
        words = ("-d", answer, "-d", "description=Who leaves us", "--preview", "--json")
        report = command("update", team.path, *words).data
        assert report["locks_dependencies"] is (answer == "support_channel=y")


def test_what_it_has_had_before_is_known(harbour: KitRepository, tmp_path: Path) -> None:
    """The kit names a package index from level 1 on: that has been read by now."""
    team = Team(path=tmp_path / "churn")
    done = command("new", team.path, "--kit", f"{harbour.url}@v1.0.0", "--defaults")
    assert "by pyproject.toml the kit harbour 1.0.0 tells uv what to use" in done.out
    assert not (team.path / "uv.lock").exists()
    (team.path / "uv.lock").write_text("version = 1\n")
    team.commit()
    assert command("upgrade", team.path, "--preview", "--json").data["locks_dependencies"] is True
    for version, name, old, new in (
        ("2.0.0", "kit.toml", 'python_version = "3.12"', 'python_version = "3.13"'),
        ("3.0.0", "level1/project/pyproject.toml.jinja", "default = true", "default = false"),
    ):
        harbour.edit(name, old, new)
        harbour.release(version)
        report = command("update", team.path, "--kit", f"@v{version}", "--preview", "--json").data
        assert report["locks_dependencies"] is (version == "2.0.0"), version
    assert git(team.path, "status", "--porcelain") == ""
