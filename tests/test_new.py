"""`new` as a user meets it: what is written, what is refused, and that nothing half-made stays behind."""

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Run
from support import files_in, generate

from mlops_scaffold.project import MANIFEST
from mlops_scaffold.tree import read_tree

QUICK = ("--defaults", "--no-lock")


def git(path: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=path, capture_output=True, text=True, check=True).stdout.strip()


def programs(folder: Path, **scripts: str) -> Path:
    """A directory for the PATH with shell scripts as stand-ins."""
    folder.mkdir()
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return folder


def test_new_writes_a_repository_with_one_commit_by_the_user(run: Run, tmp_path: Path) -> None:
    done = run("new", "churn-model", *QUICK)
    assert (done.returncode, done.stderr) == (0, "")
    project = tmp_path / "churn-model"
    assert git(project, "log", "--format=%an <%ae> %s") == (
        "Ada Lovelace <ada@example.com> Start the project at level 1 of MLOps maturity"
    )
    assert git(project, "status", "--porcelain", "--ignored") == ""
    assert git(project, "branch", "--show-current") == "main"
    assert (project / "src/churn_model/score.py").is_file()
    assert 'project_name: "Churn model"' in (project / ".mlops-scaffold/project.yml").read_text()
    assert 'author_name: "Ada Lovelace"' in (project / ".mlops-scaffold/project.yml").read_text()
    assert (project / MANIFEST).is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["churn-model"]


@pytest.mark.parametrize("level", [1, 2])
def test_new_ends_with_what_was_made_and_the_two_commands_to_run(level: int, run: Run, tmp_path: Path) -> None:
    done = run("new", "churn-model", *QUICK, "--level", level)
    assert done.stdout.startswith(f"Churn model is ready: level {level} of MLOps maturity, ")
    assert git(tmp_path / "churn-model", "log", "--format=%s") == (
        f"Start the project at level {level} of MLOps maturity"
    )
    assert done.stdout.splitlines()[-4:] == [
        "Next:",
        "  cd churn-model",
        "  uv run poe check    lint, types and tests: green from the start",
        "  uv run poe start    collect data, train a model, serve it on http://127.0.0.1:8000",
    ]


def test_four_times_the_same_answers_give_four_identical_trees(run: Run, tmp_path: Path) -> None:
    ids = set()
    for n in range(4):
        (tmp_path / str(n)).mkdir()
        assert run("new", f"{n}/churn", *QUICK, "-d", "task=regression").returncode == 0
        ids.add(git(tmp_path / str(n) / "churn", "rev-parse", "HEAD^{tree}"))
    assert len(ids) == 1


@pytest.mark.parametrize("level", [1, 2])
def test_new_and_copier_copy_of_the_exported_template_agree(level: int, run: Run, tmp_path: Path) -> None:
    assert run("new", "churn", *QUICK, "--level", level).returncode == 0
    assert run("template", "t", "--level", level).returncode == 0
    answers = ["project_name=Churn", "author_name=Ada Lovelace", "author_email=ada@example.com"]
    words = [word for answer in answers for word in ("-d", answer)]
    copier = [sys.executable, "-m", "copier", "copy", "--quiet", "--defaults", *words, "t", "copied"]
    subprocess.run(copier, cwd=tmp_path, check=True)
    assert files_in(tmp_path / "copied") == files_in(tmp_path / "churn")


@pytest.mark.parametrize("kind", ["empty", "dot", "dot with .git", "nested and missing"])
def test_places_that_are_fine(kind: str, run: Run, tmp_path: Path) -> None:
    place = tmp_path / "churn"
    if kind == "nested and missing":
        assert run("new", "a/b/churn", *QUICK).returncode == 0
        place = tmp_path / "a/b/churn"
    else:
        place.mkdir()
        if kind == "dot with .git":
            git(place, "init", "-q", "-b", "trunk")
        words, where = (("churn",), tmp_path) if kind == "empty" else ((".",), place)
        assert run("new", *words, *QUICK, cwd=where).returncode == 0
    assert git(place, "rev-list", "--count", "HEAD") == "1"
    assert git(place, "status", "--porcelain") == ""
    assert git(place, "branch", "--show-current") == ("trunk" if kind == "dot with .git" else "main")
    assert not list(place.glob(".new-*"))


def test_inside_a_repository_nothing_is_committed_and_the_reader_is_told(run: Run, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    done = run("new", "services/churn", *QUICK)
    assert done.returncode == 0
    assert f"part of the repository at {tmp_path}, so nothing was committed" in done.stdout
    assert not (tmp_path / "services/churn/.git").exists()
    assert git(tmp_path, "status", "--porcelain") == "?? services/"


def test_files_that_the_outer_repository_ignores_are_named(run: Run, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("*.toml\nroles.md\n")
    done = run("new", "churn", "--defaults", "--no-lock")
    ignored = git(tmp_path, "ls-files", "--others", "--ignored", "--exclude-standard", "churn").split()
    assert "churn/pyproject.toml" in ignored
    assert f"That repository ignores {len(ignored)} of the files (config/data.toml, config/training.toml" in done.stdout
    assert "git add --force" in done.stdout


def test_in_a_folder_that_the_outer_repository_ignores_it_is_a_repository_of_its_own(run: Run, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("/demo/\n")
    assert run("new", "demo/churn", *QUICK).returncode == 0
    assert git(tmp_path / "demo/churn", "rev-list", "--count", "HEAD") == "1"


def test_a_repository_with_commits_is_left_for_the_user_to_commit(run: Run, tmp_path: Path) -> None:
    place = tmp_path / "churn"
    place.mkdir()
    git(place, "init", "-q")
    git(place, "commit", "-q", "--allow-empty", "-m", "mine")
    done = run("new", ".", *QUICK, cwd=place)
    assert done.returncode == 0
    assert "has commits already, so nothing was committed" in done.stdout
    assert git(place, "log", "--format=%s") == "mine"


def test_no_git_writes_files_only_and_needs_no_git(run: Run, tmp_path: Path) -> None:
    done = run("new", "churn", *QUICK, "--no-git", env={**os.environ, "PATH": ""})
    assert done.returncode == 0
    assert not (tmp_path / "churn/.git").exists()
    assert (tmp_path / "churn" / MANIFEST).is_file()


def test_without_an_identity_the_files_are_staged_and_the_sentence_says_what_to_do(run: Run, tmp_path: Path) -> None:
    done = run("new", "churn", *QUICK, env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"})
    assert done.returncode == 0
    assert "Git does not know who you are, so the files are staged and not committed." in done.stdout
    project = tmp_path / "churn"
    assert {line[:2] for line in git(project, "status", "--porcelain").splitlines()} == {"A "}
    command = done.stdout.split("then run `")[1].split("`")[0]
    subprocess.run(command, shell=True, cwd=project, check=True, capture_output=True)
    assert git(project, "log", "--format=%an") == "Ada Lovelace"


def test_a_hook_of_the_user_that_says_no_leaves_staged_files(run: Run, tmp_path: Path) -> None:
    hooks = programs(tmp_path / "hooks", **{"pre-commit": "echo no way >&2; exit 1"})
    environment = {**os.environ, "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.hooksPath"}
    done = run("new", "churn", *QUICK, env={**environment, "GIT_CONFIG_VALUE_0": str(hooks)})
    assert done.returncode == 0
    assert "The files are staged and not committed, because `git commit` failed: no way." in done.stdout
    assert git(tmp_path / "churn", "status", "--porcelain") != ""


def test_the_users_default_branch_and_template_are_honoured(run: Run, tmp_path: Path) -> None:
    hooks = tmp_path / "template/hooks"
    hooks.mkdir(parents=True)
    (hooks / "commit-msg").write_text("#!/bin/sh\necho by the template >> $1\n")
    (hooks / "commit-msg").chmod(0o755)
    settings = {"init.defaultBranch": "trunk", "init.templateDir": str(tmp_path / "template")}
    environment = {"GIT_CONFIG_COUNT": "2"}
    for n, (key, value) in enumerate(settings.items()):
        environment |= {f"GIT_CONFIG_KEY_{n}": key, f"GIT_CONFIG_VALUE_{n}": value}
    assert run("new", "churn", *QUICK, env={**os.environ, **environment}).returncode == 0
    assert git(tmp_path / "churn", "branch", "--show-current") == "trunk"
    assert git(tmp_path / "churn", "log", "--format=%B").endswith("by the template")


def test_run_from_a_git_hook_it_does_not_touch_the_callers_repository(run: Run, tmp_path: Path) -> None:
    (tmp_path / "outer").mkdir()
    git(tmp_path / "outer", "init", "-q")
    environment = {
        **os.environ,
        "GIT_DIR": str(tmp_path / "outer/.git"),
        "GIT_INDEX_FILE": str(tmp_path / "outer/.git/i"),
    }
    assert run("new", "churn", *QUICK, env=environment).returncode == 0
    assert git(tmp_path / "churn", "rev-list", "--count", "HEAD") == "1"
    assert git(tmp_path / "outer", "status", "--porcelain") == ""


def test_answers_come_from_a_file_options_and_data_the_more_specific_winning(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("task: regression\nlicense: MIT\npython_version: 3.12\n")
    assert run("new", "churn", *QUICK, "--answers-file", "a.yml", "-d", "license=BSD-3-Clause").returncode == 0
    state = (tmp_path / "churn/.mlops-scaffold/project.yml").read_text()
    assert 'task: "regression"' in state
    assert 'license: "BSD-3-Clause"' in state
    assert 'python_version: "3.12"' in state
    # The state of one repository answers for the next.
    words = ("--answers-file", "churn/.mlops-scaffold/project.yml")
    assert run("new", "again", *QUICK, *words).returncode == 0
    assert files_in(tmp_path / "again") == files_in(tmp_path / "churn")


def refused_destinations(folder: Path) -> dict[str, str]:
    (folder / "full").mkdir()
    (folder / "full/notes.txt").write_text("mine")
    (folder / "file").write_text("mine")
    (folder / "dangling").symlink_to("nowhere")
    return {
        "full": "is not empty (it holds notes.txt)",
        "file": "is a file",
        "file/below": "file is a file",
        "dangling": "is a link that leads nowhere",
    }


@pytest.mark.parametrize("place", ["full", "file", "file/below", "dangling"])
@pytest.mark.parametrize("command", ["new", "template"])
def test_a_place_that_is_taken_is_refused_and_left_alone(place: str, command: str, run: Run, tmp_path: Path) -> None:
    sentence = refused_destinations(tmp_path)[place]
    before = read_tree(tmp_path)
    done = run(command, place, *(QUICK if command == "new" else ()))
    assert done.returncode == 3
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert read_tree(tmp_path) == before


def without_override() -> list[str]:
    """Root may write everywhere; this takes that power away from the command that follows."""
    if os.geteuid() != 0:
        return []
    if (setpriv := shutil.which("setpriv")) is None:
        pytest.skip("root without setpriv (util-linux) can't be kept from writing to a read-only directory")
    return [setpriv, "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"]


@pytest.mark.parametrize("place", ["below", "."])
def test_a_read_only_directory_is_refused(place: str, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    words = [*without_override(), sys.executable, "-m", "mlops_scaffold", "new", place, *QUICK]
    done = subprocess.run(words, cwd=closed, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "can't be written (permission denied), so nothing was made." in done.stderr
    assert list(closed.iterdir()) == []


def test_a_full_disk_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    """A limit on file sizes stands for the full disk: the same call fails, with another number."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

    done = run("new", "a/churn", *QUICK, preexec_fn=limit)
    assert done.returncode == 3
    assert "can't be written (file too large), so nothing was made." in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (None, "Git was not found on this machine."),
        ("echo git version 2.20.1", "The git here is 2.20; 2.38 or newer is needed."),
        ("echo what", "The git here is of unknown version"),
        ("echo broken >&2; exit 1", "`git version` failed: broken."),
    ],
)
def test_a_missing_old_or_broken_git_is_refused(script: str | None, sentence: str, run: Run, tmp_path: Path) -> None:
    place = tmp_path / "work"
    place.mkdir()
    path = programs(tmp_path / "bin", **({"git": script} if script else {}))
    done = run("new", "churn", *QUICK, cwd=place, env={**os.environ, "PATH": str(path)})
    assert done.returncode == 3
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(place.iterdir()) == []


def test_without_uv_or_network_one_line_says_so_and_the_rest_is_done(run: Run, tmp_path: Path) -> None:
    no_index = programs(tmp_path / "bin", uv="echo 'error: Failed to fetch: x' >&2; exit 2")
    git_only = programs(tmp_path / "git-only", git=f'exec {shutil.which("git")} "$@"')
    for path, sentence in [
        (f"{no_index}:{os.environ['PATH']}", "not locked: the package index can't be reached."),
        (f"{git_only}", "uv was not found."),
    ]:
        place = tmp_path / f"w{len(sentence)}"
        place.mkdir()
        done = run("new", "churn", "--defaults", cwd=place, env={**os.environ, "PATH": path})
        assert done.returncode == 0
        notes = [line for line in done.stdout.splitlines() if line.startswith("Note: ")]
        assert len(notes) == 1
        assert sentence in notes[0]
        assert git(place / "churn", "rev-list", "--count", "HEAD") == "1"


def test_a_relative_destination_is_locked_by_the_real_uv(run: Run, tmp_path: Path) -> None:
    done = run("new", "work/churn", "--defaults", env={**os.environ, "UV_FROZEN": "1", "VIRTUAL_ENV": "/nowhere"})
    assert done.returncode == 0
    assert "Note:" not in done.stdout
    assert git(tmp_path / "work/churn", "ls-files", "uv.lock") == "uv.lock"


def slow(folder: Path) -> dict[str, str]:
    """An environment in which locking takes a while, so that others can come between."""
    path = programs(folder, uv="touch ../started; sleep 1")
    return {**os.environ, "PATH": f"{path}:{os.environ['PATH']}"}


def start(work: Path, target: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "mlops_scaffold", "new", target, "--defaults"]
    return subprocess.Popen(
        words,
        cwd=work,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        restore_signals=True,
    )


def wait_for(path: Path) -> None:
    for _ in range(200):
        if path.exists():
            return
        time.sleep(0.05)
    pytest.fail(f"{path} did not appear")


def locking(folder: Path) -> tuple[Path, subprocess.Popen[str]]:
    """An empty directory and a `new churn` in it that is just locking the dependencies."""
    work = folder / "work"
    work.mkdir()
    process = start(work, "churn", slow(folder / "bin"))
    wait_for(work / "started")
    (work / "started").unlink()
    return work, process


@pytest.mark.parametrize("target", ["churn", "."])
def test_what_somebody_else_writes_meanwhile_is_left_alone(target: str, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    process = start(work, target, slow(tmp_path / "bin"))
    wait_for(work / "started" if target == "churn" else tmp_path / "work/started")
    (work / "started").unlink()
    place = work / target
    (place / "docs").mkdir(parents=True)
    for name in ("README.md", "docs/mine.md"):
        (place / name).write_text("mine")
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "was filled by somebody else meanwhile" in stderr
    assert {path: file.content for path, file in read_tree(place).items()} == {
        "README.md": b"mine",
        "docs/mine.md": b"mine",
    }


def test_of_two_at_once_one_wins_and_is_whole(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    environment = slow(tmp_path / "bin")
    both = [start(work, "churn", environment) for _ in range(2)]
    codes = sorted(process.wait(30) for process in both)
    for process in both:
        process.communicate()
    assert codes == [0, 3]
    assert git(work / "churn", "status", "--porcelain") == ""
    assert not list(work.glob(".new-*"))


@pytest.mark.parametrize("pause", [0.001, 0.003, 0.01])
def test_a_second_ctrl_c_does_not_stop_the_clearing_up(pause: float, tmp_path: Path) -> None:
    work, process = locking(tmp_path)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3 + pause)  # Python gives a child a quarter of a second to end by itself
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode in (130, -signal.SIGINT)  # the second may come when Python has let go of its handlers
    assert list(work.iterdir()) == []


def test_a_closed_terminal_leaves_nothing_behind(tmp_path: Path) -> None:
    work, process = locking(tmp_path)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGHUP
    assert list(work.iterdir()) == []


def test_a_global_ignore_file_does_not_thin_out_the_first_commit(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ignored").write_text("*.toml\n")
    settings = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.excludesFile"}
    done = run("new", "churn", *QUICK, env={**os.environ, **settings, "GIT_CONFIG_VALUE_0": str(tmp_path / "ignored")})
    assert done.returncode == 0
    assert "pyproject.toml" in git(tmp_path / "churn", "ls-files").splitlines()


def test_the_directory_has_the_rights_that_the_user_gives_new_directories(run: Run, tmp_path: Path) -> None:
    assert run("new", "churn", *QUICK, umask=0o027).returncode == 0
    assert (tmp_path / "churn").stat().st_mode & 0o777 == 0o750
    assert not list((tmp_path / "churn/.git/hooks").glob("*.sample")) if (tmp_path / "churn/.git/hooks").exists() else 1


def test_what_template_says_can_be_pasted_into_a_shell(run: Run) -> None:
    done = run("template", "my dir/t")
    assert done.stdout.endswith("Make a project with `copier copy 'my dir/t' PROJECT`.\n")


def test_the_last_lines_can_be_pasted_into_a_shell(run: Run, tmp_path: Path) -> None:
    for name in ("my dir/x y", "-x", "~"):
        done = run("new", *QUICK, "--", name)
        assert done.returncode == 0
        (line,) = [line for line in done.stdout.splitlines() if line.startswith("  cd ")]
        where = subprocess.run(f"{line} && pwd", shell=True, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert Path(where.stdout.strip()) == tmp_path / name
    (tmp_path / "here").mkdir()
    assert "  cd" not in run("new", ".", *QUICK, cwd=tmp_path / "here").stdout


def test_the_level_option_wins_over_data_and_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("level: 5\nanswers: {task: regression}\n")
    assert "5 is not a choice for level" in run("new", "x", *QUICK, "--answers-file", "a.yml").stderr
    words = ("--answers-file", "a.yml", "-d", "level=3", "--level", "1")
    assert run("new", "x", *QUICK, *words).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("place", ["fresh", "dot with .git"])
def test_ctrl_c_at_any_time_leaves_nothing_half_made(number: signal.Signals, place: str, tmp_path: Path) -> None:
    """Stopped at random moments, among them while uv and git run, there is a whole repository or none."""
    real = shutil.which("git")
    path = programs(tmp_path / "bin", uv="sleep 0.4", git=f'[ "$1" = commit ] && sleep 0.3; exec {real} "$@"')
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}"}
    delays = random.Random(place)
    codes = set()
    for n in range(12):
        work = tmp_path / f"work{n}"
        work.mkdir()
        if place == "dot with .git":
            git(work, "init", "-q")
        before = sorted(path.name for path in work.iterdir())
        target = "churn" if place == "fresh" else "."
        words = [sys.executable, "-m", "mlops_scaffold", "new", target, "--defaults"]
        process = subprocess.Popen(
            words, cwd=work, env=environment, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        time.sleep(delays.uniform(0.25, 1.3))
        os.killpg(process.pid, number)
        process.communicate(timeout=20)
        codes.add(process.returncode)
        assert process.returncode in (0, 128 + number, -number)
        if process.returncode == 0 or sorted(path.name for path in work.iterdir()) != before:
            # Also when it was stopped only after git had made the commit.
            assert git(work / target, "rev-list", "--count", "HEAD") == "1"
            assert not list(work.glob(".new-*"))
        if process.returncode == 0 or place == "dot with .git":
            assert git(work / target, "status", "--porcelain") == ""
    assert 128 + number in codes


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["new"], "DEST"),
        (["new", "x", "--colour"], "--colour"),
        (["new", "x", "-d", "task"], "-d task is not KEY=VALUE."),
        (["new", "x", "-d", "package_name=class"], "is taken by Python"),
        (["new", "x", "-d", "template_version=9"], "can't be set"),
        (["new", ""], "The destination is empty or can't be printed."),
        (["new", "a\nb"], "The destination is empty or can't be printed."),
        (["new", "x", "--answers-file", "date.yml"], "date.yml is not YAML."),
        (["new", "x", "--level", "5"], "5 is not a choice for level. Choose one of: 1, 2, 3, 4."),
        (["new", "x", "--level", "two"], "'--level'"),
        (["new", "x", "--answers-file", "missing.yml"], "missing.yml can't be read: no such file or directory."),
        (["new", "x", "--answers-file", "list.yml"], "list.yml is not a mapping."),
        (["new", "x", "--answers-file", "bad.yml"], "bad.yml is not YAML."),
        (["template", "x", "--level", "9"], "9 is not a choice for level."),
        (["template", "x", "-d", "ci=jenkins"], "jenkins is not a choice for ci. Choose one of: github."),
        (["nonsense"], "nonsense"),
    ],
)
def test_wrong_usage_is_one_sentence_and_code_2(words: list[str], sentence: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "list.yml").write_text("- 1\n")
    (tmp_path / "bad.yml").write_text("a: [\n")
    (tmp_path / "date.yml").write_text("a: 2026-13-45\n")
    done = run(*words)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "x").exists()


def test_a_bug_of_ours_says_so_with_code_70() -> None:
    code = "import mlops_scaffold.cli as c, mlops_scaffold.templates as t; t.built_in = lambda: {}; c.main()"
    process = subprocess.run(
        [sys.executable, "-c", code, "new", "x", "--defaults"], capture_output=True, text=True, check=False
    )
    assert process.returncode == 70
    assert "a bug of mlops-scaffold" in process.stderr
    assert "Traceback" in process.stderr


@pytest.mark.parametrize("name", ["x" * 300, "gone"])
def test_a_place_that_the_system_does_not_take_is_refused(name: str, tmp_path: Path) -> None:
    """Too long a name; a working directory that was removed."""
    work = tmp_path / "work"
    work.mkdir()
    script = f"cd {work}; rmdir {work}; " if name == "gone" else f"cd {work}; "
    command = f"{script} exec {sys.executable} -m mlops_scaffold new {name} --defaults --no-lock"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("\n") == 1
    assert "can't be written" in done.stderr


def test_a_git_that_can_not_be_started_is_refused(run: Run, tmp_path: Path) -> None:
    path = programs(tmp_path / "bin", git="")
    (path / "git").write_bytes(b"\x7fELF nonsense")
    done = run("new", "churn", *QUICK, env={**os.environ, "PATH": str(path)})
    assert done.returncode == 3
    assert "Git can't be started" in done.stderr
    assert not (tmp_path / "churn").exists()


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["new", "churn", *QUICK]])
def test_output_that_can_not_be_written_is_a_sentence(words: list[str], run: Run) -> None:
    with Path("/dev/full").open("w") as full:
        done = run(*words, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 3
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_terminal_without_the_characters_is_no_reason_to_fail(run: Run) -> None:
    done = run("new", "Größe日本", *QUICK, env={**os.environ, "PYTHONIOENCODING": "latin-1"}, encoding="latin-1")
    assert done.returncode == 0
    assert "Größe?? is ready" in done.stdout


def test_support_generates_what_the_command_writes(run: Run, tmp_path: Path) -> None:
    assert run("new", "churn", *QUICK, "-d", "author_name=A", "-d", "author_email=a@b.c").returncode == 0
    mine = generate(tmp_path / "mine", project_name="Churn", author_name="A", author_email="a@b.c")
    assert files_in(mine) == files_in(tmp_path / "churn")
