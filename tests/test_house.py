"""The house itself: imports run one way, start-up is light, help is readable."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
from conftest import Run
from support import LEVELS, files_in, generate

from mlops_scaffold import __version__, errors
from mlops_scaffold.project import MANIFEST

ROOT = Path(__file__).parents[1]

HEAVY = ("copier", "questionary", "rich", "jinja2", "yaml", "prompt_toolkit", "pydantic")


def imported_by(*words: str) -> set[str]:
    """Top-level modules that a run of the command line ends with."""
    code = (
        "import sys\nfrom mlops_scaffold.cli import main\nsys.argv[1:] = " + repr(list(words)) + "\n"
        "try: main()\nexcept SystemExit: pass\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stderr.splitlines()}


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_help_and_version_do_not_pay_for_what_commands_need(words: list[str]) -> None:
    assert imported_by(*words).isdisjoint(HEAVY)


def test_a_run_that_asks_nothing_does_not_import_copier(tmp_path: Path) -> None:
    found = imported_by("new", str(tmp_path / "x"), "--defaults", "--no-lock", "--no-git")
    assert found.isdisjoint({"copier", "questionary", "rich", "prompt_toolkit"})
    assert "jinja2" in found


def test_help_names_every_command_option_and_exit_code(run: Run) -> None:
    for words, wanted in {
        (): ["new", "template", "upgrade", "update", "status"],
        ("--help",): ["new", "template", "upgrade", "update", "status", "--version", "130 Ctrl-C"],
        ("upgrade", "--help"): [
            "[PATH]",
            "--to",
            "--preview",
            "--abort",
            "--defaults",
            "--data",
            "--no-lock",
            "--json",
        ],
        ("update", "--help"): ["[PATH]", "--preview", "--abort", "--defaults", "--data", "--no-lock", "--json"],
        ("status", "--help"): ["[PATH]", "--json"],
        ("new", "--help"): [
            "DEST",
            "--level",
            "1, 2, 3 or 4",
            "--defaults",
            "--data",
            "--answers-file",
            "--no-git",
            "--no-lock",
        ],
        ("template", "--help"): ["DIR", "--level", "--data"],
    }.items():
        done = run(*words)
        assert done.returncode == 0
        for word in wanted:
            assert word in done.stdout


def test_version(run: Run) -> None:
    assert run("--version").stdout == f"mlops-scaffold {__version__}\n"


def test_every_error_has_an_exit_code_that_its_tree_shows() -> None:
    def below(kind: type[errors.ScaffoldError]) -> list[type[errors.ScaffoldError]]:
        return [kind, *(deeper for child in kind.__subclasses__() for deeper in below(child))]

    for kind in below(errors.ScaffoldError)[1:]:
        line = next(line for line in (errors.__doc__ or "").splitlines() if f" {kind.__name__} " in line)
        assert f" {kind.exit_code} " in line


@pytest.mark.parametrize("level", LEVELS)
def test_the_readme_shows_what_new_prints(level: int, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    line = rf"Flight delays is ready: level {level} of MLOps maturity, (\d+) files in demo/flight-delays"
    shown = re.search(line, readme)
    assert shown
    made = files_in(generate(tmp_path / "p", project_name="Flight delays", level=level))
    assert int(shown[1]) == len(made) + len({MANIFEST})


def team_at_level_1(run: Run, project: Path, old: str, new: str) -> None:
    """A repository with the edits that the pages tell of; in the README one text is replaced."""
    run("new", project, "--level", "1", "--defaults", "--no-lock")
    for path, before, after in (("README.md", old, new), ("config/data.toml", "delay_days = 1", "delay_days = 3")):
        text = (project / path).read_text()
        assert before in text
        (project / path).write_text(text.replace(before, after))
    (project / "docs/roles.md").rename(project / "docs/people.md")
    (project / "SECURITY.md").unlink()
    (project / "uv.lock").write_text("version = 1\n")
    in_git(project, "add", "--all")
    in_git(project, "commit", "--quiet", "--message", "Our own ways")


def in_git(project: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=project, check=True, capture_output=True)


def unprinted(page: str, command: str, printed: str) -> list[str]:
    """The lines that a page shows for a command and that are none of those that it printed, in their order."""
    rest = iter(printed.splitlines())
    shown = page.partition(f"$ {command}\n")[2].partition("```")[0].splitlines()
    assert shown
    return [line for line in shown if line and line not in rest]


def test_the_readme_shows_what_an_upgrade_prints(run: Run, tmp_path: Path) -> None:
    """The edits that the README tells of, made to its repository: each line that it shows is one that is printed."""
    project, more = tmp_path / "flight-delays", "\n## More\n"
    team_at_level_1(run, project, more, f"\n## Who we are\n\nAda, Dana and Sam.\n{more}")
    command = "mlops-scaffold upgrade --preview"
    printed = run("upgrade", "--preview", cwd=project).stdout
    assert unprinted((ROOT / "README.md").read_text(), command, printed) == []


def test_the_guide_shows_what_is_printed(run: Run, tmp_path: Path) -> None:
    """Its steps, one after the other, in the repository that it tells of."""
    project, guide = tmp_path / "flight-delays", (ROOT / "docs/how-to/move-up.md").read_text()
    team_at_level_1(run, project, "Level 2 would add automated training: every", "Level 2 comes in spring: every")
    first, _, second = guide.partition("## 5. Check, commit, begin")
    assert unprinted(first, "mlops-scaffold status", run("status", cwd=project).stdout) == []
    preview = run("upgrade", "--preview", cwd=project)
    assert unprinted(first, "mlops-scaffold upgrade --preview", preview.stdout) == []
    conflict = run("upgrade", "--no-lock", cwd=project).stdout.splitlines()
    to_finish = first.partition("and one with conflicts like this:\n\n```console\n")[2].partition("```")[0]
    assert to_finish.splitlines() == conflict[-len(to_finish.splitlines()) :]
    in_git(project, "checkout", "--theirs", "README.md")
    in_git(project, "add", "README.md")
    in_git(project, "commit", "--no-edit")
    assert unprinted(second, "mlops-scaffold status", run("status", cwd=project).stdout) == []
    in_git(project, "reset", "--quiet", "--hard", "HEAD~1")
    in_git(project, "checkout", "--quiet", "HEAD~1", "README.md")
    in_git(project, "commit", "--quiet", "--message", "The words of the templates")
    clean = run("upgrade", "--no-lock", cwd=project).stdout.splitlines()
    at_the_end = first.partition("A clean upgrade ends like this:\n\n```console\n")[2].partition("```")[0]
    assert at_the_end.splitlines() == clean[-len(at_the_end.splitlines()) :]
    back = run("upgrade", "--abort", cwd=project).stdout
    assert unprinted(guide, "mlops-scaffold upgrade --abort", back) == []


def test_the_readme_shows_what_is_said_of_kits(run: Run) -> None:
    readme = (ROOT / "README.md").read_text()
    for command in ("kit init our-kit", "kit check our-kit", "new churn-model --kit our-kit --defaults"):
        lock = ["--no-lock"] if command.startswith("new") else []
        printed = run(*command.split(), *lock).stdout
        shown = readme.partition(f"$ mlops-scaffold {command}\n")[2].replace("```", "\n\n").partition("\n\n")[0]
        assert shown
        assert [line for line in shown.splitlines() if line not in printed.splitlines()] == []


def test_no_module_is_long() -> None:
    long = {path.name: n for path in (ROOT / "src").rglob("*.py") if (n := path.read_text().count("\n")) > 300}
    assert long == {}


def test_on_a_terminal_a_person_is_asked_and_the_answers_count(tmp_path: Path) -> None:
    """Every prompt is answered with Enter, but for the name and the task."""
    words = ["-m", "mlops_scaffold", "new", "first-try", "--no-lock", "-d", "license=MIT"]
    environment = {**os.environ, "TERM": "xterm"}
    child = pexpect.spawn(
        sys.executable, words, cwd=str(tmp_path), env=environment, encoding="utf-8", timeout=30, dimensions=(50, 120)
    )
    child.expect("At which level of MLOps maturity")
    for line in ("1  DevOps", "2  automated training", "3  automated deployment", "4  full MLOps"):
        child.expect(line)
    child.expect("DevOps, no MLOps yet")
    child.send("\r")
    child.expect("What is the project called")
    child.expect("First try")
    child.send("\x15Churn model\r")
    child.expect("Python package imported")
    child.expect("churn_model")
    child.send("\r")
    for question in ("What does the model do", "Who writes it", "which e-mail address"):
        child.expect(question)
        child.send("\r")
    child.expect("oldest Python")  # the licence was given with -d
    child.send("\r")
    child.expect("What does the model predict")
    child.send("\x1b[B\r")
    child.expect("Churn model is ready")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    state = (tmp_path / "first-try/.mlops-scaffold/project.yml").read_text()
    for line in ('project_name: "Churn model"', 'license: "MIT"', 'task: "regression"', 'author_name: "Ada Lovelace"'):
        assert line in state


def test_on_a_terminal_each_level_can_be_chosen(tmp_path: Path) -> None:
    given = ["project_name=Churn", "description=Who leaves", "author_name=Ada", "author_email=ada@example.com"]
    given += ["package_name=churn", "license=MIT", "python_version=3.12", "task=regression"]
    words = [
        "-m",
        "mlops_scaffold",
        "new",
        "churn",
        "--no-lock",
        *(word for answer in given for word in ("-d", answer)),
    ]
    child = pexpect.spawn(sys.executable, words, cwd=str(tmp_path), encoding="utf-8", timeout=30, dimensions=(50, 120))
    child.expect("At which level of MLOps maturity")
    child.send("\x1b[B" * 3 + "\r")
    child.expect("Churn is ready: level 4 of MLOps maturity")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "level: 4\n" in (tmp_path / "churn/.mlops-scaffold/project.yml").read_text()


def assert_stopped(child: "pexpect.spawn[str]", work: Path) -> None:
    child.expect("Stopped. Nothing half-made was left behind.")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert list(work.iterdir()) == []


def test_ctrl_d_at_an_empty_prompt_ends_like_ctrl_c(tmp_path: Path) -> None:
    words = ["-m", "mlops_scaffold", "new", "x", "--level", "1"]
    child = pexpect.spawn(sys.executable, words, cwd=str(tmp_path), timeout=30)
    child.expect("What is the project called")
    child.send("\x15\x04")
    assert_stopped(child, tmp_path)


def test_with_its_output_in_a_file_nothing_is_asked(tmp_path: Path) -> None:
    script = f"{sys.executable} -m mlops_scaffold new x --no-lock > out.txt"
    child = pexpect.spawn("sh", ["-c", script], cwd=str(tmp_path), timeout=30)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "X is ready" in (tmp_path / "out.txt").read_text()


def test_ctrl_c_at_a_prompt_ends_with_130_and_leaves_nothing(tmp_path: Path) -> None:
    child = pexpect.spawn(sys.executable, ["-m", "mlops_scaffold", "new", "x"], cwd=str(tmp_path), timeout=30)
    child.expect("At which level")
    child.expect("DevOps, no MLOps")
    child.send("\x03")
    assert_stopped(child, tmp_path)
