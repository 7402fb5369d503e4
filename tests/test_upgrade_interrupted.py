"""An upgrade that is killed, stopped or refused at any step: everything is as it was before, or can be put back.

The programs are real. What does the harm at a chosen step is a `git` or `uv` that stands first on the PATH, a smudge
filter, or a `sitecustomize` that Python loads and that counts the changes which the product makes to files.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_templates import package, project, write_tree_with_parents
from snapshots import Snapshot, look, snapshot
from support import generate
from workflows.tools import git, run

LONG = int(os.environ.get("MLOPS_SCAFFOLD_DRILLS", "0"))
"""How many kills at random moments; with any, every change of a file is a step too. For runs by hand."""

STEPS = 1000
"""More than any command has."""

WRAPPER = """#!/bin/sh
n=0
[ -f "$DRILL/calls" ] && read -r n < "$DRILL/calls"
n=$((n + 1))
echo "$n" > "$DRILL/calls"
echo "$PPID" > "$DRILL/python"
echo "$$" > "$DRILL/git"
echo "$*" >> "$DRILL/said"
case "$*" in *read-tree*) : > "$DRILL/read-tree" ;; esac
if [ "$n" = "$DRILL_AT" ]; then
  case "$DRILL_DO" in
    kill) kill -9 "$PPID" ;;
    group) kill -9 0 ;;
    after) "$DRILL_GIT" "$@"; kill -9 0 ;;
    interrupt | insist) kill -INT "$PPID" ;;
    terminate) kill -TERM "$PPID" ;;
    fail) echo "fatal: no luck today" >&2; exit 128 ;;
  esac
fi
[ "$DRILL_DO" = insist ] && [ "$n" -gt "$DRILL_AT" ] && kill -INT "$PPID"
exec "$DRILL_GIT" "$@"
"""

SMUDGE = """#!/bin/sh
n=0
[ -f "$DRILL/smudged" ] && read -r n < "$DRILL/smudged"
n=$((n + 1))
echo "$n" > "$DRILL/smudged"
if [ "$n" = "$DRILL_SMUDGE" ]; then
  read -r python < "$DRILL/python"
  read -r git < "$DRILL/git"
  case "$DRILL_DO" in
    kill) kill -9 "$python" ;;
    git) kill -9 "$git" ;;
    group) kill -9 0 ;;
    interrupt) kill -INT 0 ;;
    terminate) kill -TERM "$python" ;;
    fail) exit 1 ;;
  esac
fi
[ "$n" -ge "${DRILL_SMUDGE:-1000}" ] && [ -n "$DRILL_SLEEP" ] && sleep "$DRILL_SLEEP"
exec sed 's/amber/AMBER/'
"""

UV = """#!/bin/sh
echo "half a lock" > uv.lock
case "$DRILL_UV" in
  kill) kill -9 "$PPID" ;;
  group) kill -9 0 ;;
  interrupt) kill -INT "$PPID"; exec sleep 20 ;;
  terminate) kill -TERM "$PPID"; exec sleep 20 ;;
  fail) echo "error: no versions fit" >&2; exit 1 ;;
esac
echo "a whole lock" > uv.lock
"""


COUNTED = """
import os, signal, sys

AT, HOW = int(os.environ.get("DRILL_CHANGE", 0)), os.environ.get("DRILL_DO")
EVENTS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.utime", "os.symlink", "open")
seen = 0

def watch(event, args):
    global seen
    if event not in EVENTS or not str(args[0]).startswith(os.environ["DRILL_REPOSITORY"]):
        return
    if event == "open" and not args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        return
    seen += 1
    if HOW == "full":
        if seen >= AT > 0 and event == "open":
            raise OSError(28, "No space left on device", str(args[0]))
    elif seen == AT:
        if HOW == "fail":
            raise OSError(28, "No space left on device", str(args[0]))
        os.kill(os.getpid(), {"kill": signal.SIGKILL, "interrupt": signal.SIGINT, "terminate": signal.SIGTERM}[HOW])

if "DRILL_REPOSITORY" in os.environ:
    # Whoever runs the tests in the background may have had Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.addaudithook(watch)
"""


@dataclass(frozen=True, kw_only=True)
class Drill:
    """Where programs lie that do harm.

    Attributes:
        place: A directory: what the programs note there, and they themselves.
        environment: Variables with which the product finds them.
    """

    place: Path
    environment: dict[str, str]

    def start(self, repository: Path, *words: str, **settings: object) -> subprocess.Popen[bytes]:
        """Start `mlops-scaffold update …` in a process group of its own, each setting as a variable `DRILL_…`."""
        for name in ("calls", "said", "smudged", "read-tree"):
            (self.place / name).unlink(missing_ok=True)
        chosen = {f"DRILL_{name.upper()}": str(value) for name, value in settings.items()}
        limit = settings.get("largest")
        prefix = ["sh", "-c", 'ulimit -f "$0" && exec "$@"', str(limit)] if limit else []
        return subprocess.Popen(
            [*prefix, sys.executable, "-m", "mlops_scaffold", *(words or ("update", "--no-lock"))],
            cwd=repository,
            env={**os.environ, **self.environment, "DRILL_REPOSITORY": str(repository.parent), **chosen},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self, repository: Path, *words: str, **settings: object) -> subprocess.CompletedProcess[str]:
        """Run it to its end, which may be a violent one."""
        with self.start(repository, *words, **settings) as process:
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out.decode(), err.decode())

    @property
    def calls(self) -> list[str]:
        """The git commands that the last command has started."""
        return (self.place / "said").read_text().splitlines()

    def first(self, verb: str) -> int:
        """The number of the first of them that has a word."""
        return next(number for number, words in enumerate(self.calls, 1) if verb in words.split())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = package(tmp_path_factory.mktemp("site"), 2)
    (path / "sitecustomize.py").write_text(COUNTED)
    return path


@pytest.fixture
def drill(tmp_path: Path, site: Path) -> Drill:
    place = tmp_path / "drill"
    (place / "bin").mkdir(parents=True)
    program(place / "bin" / "git", WRAPPER)
    program(place / "bin" / "uv", UV)
    program(place / "smudge", SMUDGE)
    found = shutil.which("git")
    assert found
    environment = {"PYTHONPATH": str(site), "DRILL": str(place), "DRILL_GIT": found, "TMPDIR": str(place)}
    environment["PATH"] = f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return Drill(place=place, environment=environment)


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@dataclass(frozen=True, kw_only=True)
class Team:
    """A team's repository, as it is before an update and as an update leaves it that nobody disturbs.

    Attributes:
        path: Where it is; tests work on copies.
        before: As it is.
        after: As it is after the update.
    """

    path: Path
    before: Snapshot
    after: Snapshot

    def copy(self, place: Path) -> Path:
        """A copy to try things on."""
        shutil.rmtree(place, ignore_errors=True)
        return shutil.copytree(self.path, place / "repository", symlinks=True)


@pytest.fixture(scope="module")
def team(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, site: Path) -> Team:
    """One that merges clean, and one that does not."""
    return make_team(tmp_path_factory.mktemp("team"), site, conflicts=request.param == "conflicts")


def make_team(place: Path, site: Path, *, conflicts: bool, filtered: bool = False) -> Team:
    path = a_team_works(place / "repository", conflicts=conflicts, filtered=filtered)
    before = snapshot(path)
    there = shutil.copytree(path, place / "after", symlinks=True)
    words = [sys.executable, "-m", "mlops_scaffold", "update", "--no-lock"]
    environment = {**os.environ, "PYTHONPATH": str(site), "DRILL": str(place)}
    done = subprocess.run(words, cwd=there, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == (1 if conflicts else 0), done.stderr
    return Team(path=path, before=before, after=snapshot(there))


def a_team_works(path: Path, *, conflicts: bool, filtered: bool = False) -> Path:
    """A repository of the first version with everything in it that is easily lost."""
    write_tree_with_parents(project(1, 1), path)
    git(path, "init", "--quiet", "--initial-branch=main", "--template=")
    (path / ".gitignore").write_text("*.secret\n")
    if filtered:
        (path / ".gitattributes").write_text("*.md filter=loud\n")
        git(path, "config", "filter.loud.smudge", '[ -x "$DRILL/smudge" ] && exec "$DRILL/smudge"; sed s/amber/AMBER/')
        git(path, "config", "filter.loud.clean", "sed s/AMBER/amber/")
        for page in path.rglob("*.md"):
            page.write_text(page.read_text().replace("amber", "AMBER"))
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "--message", "Start")
    git(path, "mv", "docs/guide.md", "docs/handbuch für alle.md")
    git(path, "rm", "--quiet", "docs/long.md")
    replace(path / "README.md", "cedar readme 2", "cedar readme 2, by the team")
    (path / "tools" / "link").symlink_to("../README.md")
    program(path / "tools" / "own.sh", "echo own\n")
    if conflicts:
        replace(path / "README.md", "ember readme 4", "ember readme 4 of the team")
        replace(path / "docs" / "ops.md", "birch ops 1", "birch ops 1 of the team")
        (path / "assets" / "logo.bin").write_bytes(b"\0 the team's")
        (path / "docs" / "added.md").write_text("the team's own\n")
        (path / "config" / "settings.toml").unlink()
        (path / "config" / "settings.toml").symlink_to("elsewhere.toml")
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "--message", "Work")
    modes = {"README.md": 0o600, "docs/moved.md": 0o444, "zone/a.md": 0o640, "docs/old": 0o700, "docs": 0o750}
    for name, mode in {**modes, "zone": 0o773}.items():
        (path / name).chmod(mode)
    for name in ("empty/deeper", "docs/old/nothing", "zone/nothing/at/all"):
        (path / name).mkdir(parents=True)
    (path / "docs" / "same.md").write_text("not committed\n")
    (path / "later.md").write_text("later\n")
    git(path, "add", "--intent-to-add", "later.md")
    (path / "loose.txt").write_text("untracked\n")
    (path / "docs" / "key.secret").write_text("ignored\n")
    (path / "docs" / "key.secret").chmod(0o400)
    return path


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def assert_put_back(drill: Drill, repository: Path, before: Snapshot) -> None:
    """What is left after a kill is nothing, or something that `--abort` takes back."""
    folder = git_dir(repository) / "mlops-scaffold"
    if folder.exists():
        had_journal = (folder / "journal.json").exists()
        done = drill.run(repository, "upgrade", "--abort")
        assert done.returncode == (0 if had_journal else 3), done.stderr
        assert had_journal or "There is no upgrade to take back" in done.stderr
        assert not (folder / "journal.json").exists()
        shutil.rmtree(folder, ignore_errors=True)  # copies without a journal: the next update overwrites them
    assert before.differences(snapshot(repository)) == []


def assert_same_result(drill: Drill, repository: Path, after: Snapshot) -> None:
    """The update, done again, gives what one gives that nobody has disturbed."""
    done = drill.run(repository)
    assert done.returncode in (0, 1), done.stderr
    again = snapshot(repository)
    assert (again.files, again.index, again.status) == (after.files, after.index, after.status)
    look(repository, "fsck", "--strict", "--no-dangling")


def git_dir(repository: Path) -> Path:
    return Path(look(repository, "rev-parse", "--absolute-git-dir").rstrip("\n"))


def pairs(*chosen: str) -> pytest.MarkDecorator:
    """Which team meets which harm; for a run by hand, each meets each."""
    split = [tuple(pair.split()) for pair in chosen]
    ways = sorted({how for _, how in split})
    every = [(name, how) for name in ("clean", "conflicts") for how in ways]
    return pytest.mark.parametrize(("team", "how"), every if LONG else split, indirect=["team"])


@pairs("clean kill", "conflicts group", "conflicts after")
def test_killed_at_any_call_of_git(team: Team, drill: Drill, tmp_path: Path, how: str) -> None:
    """Python alone, whose git goes on; all at once; all at once when that git is done."""
    drill.run(team.copy(tmp_path / "team"))
    # Nothing is changed before.
    for step in range(drill.first("read-tree") - 1, STEPS):
        repository = team.copy(tmp_path / "team")
        done = drill.run(repository, at=step, do=how)
        if len(drill.calls) < step:
            break
        assert done.returncode == -signal.SIGKILL
        assert_put_back(drill, repository, team.before)
        if step % 3 == 0:
            assert_same_result(drill, repository, team.after)
    else:
        pytest.fail("There is no end of it.")


@pairs("clean group", "conflicts kill", "conflicts after")
def test_killed_at_any_call_of_git_while_it_is_taken_back(team: Team, drill: Drill, tmp_path: Path, how: str) -> None:
    done = Team(path=team.copy(tmp_path / "team"), before=team.before, after=team.after)
    assert drill.run(done.path).returncode in (0, 1)
    for step in range(1, STEPS):
        repository = done.copy(tmp_path / "done")
        drill.run(repository, "upgrade", "--abort", at=step, do=how)
        if len(drill.calls) < step:
            break
        assert_put_back(drill, repository, team.before)
    else:
        pytest.fail("There is no end of it.")


@pairs("clean interrupt", "conflicts insist", "conflicts terminate", "clean fail", "conflicts fail")
def test_stopped_at_any_call_of_git(team: Team, drill: Drill, tmp_path: Path, how: str) -> None:
    """Ctrl-C once or again and again, an end that the system asks for, a git that fails: all is as it was."""
    drill.run(team.copy(tmp_path / "team"))
    # What Ctrl-C does before anything is changed is all the same.
    for step in range(1 if how == "fail" or LONG else drill.first("read-tree") - 1, STEPS):
        repository = team.copy(tmp_path / "team")
        done = drill.run(repository, at=step, do=how)
        if len(drill.calls) < step:
            break
        if done.returncode in (0, 1):
            # That command is no condition of the result.
            assert snapshot(repository).files == team.after.files, drill.calls[step - 1]
            continue
        assert done.returncode == {"terminate": 143, "fail": 3}.get(how, 130), done.stderr
        assert_one_sentence(done)
        assert team.before.differences(snapshot(repository)) == [], drill.calls[step - 1]


def assert_one_sentence(done: subprocess.CompletedProcess[str]) -> None:
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) <= (0 if done.returncode == 143 else 1), done.stderr


@pytest.fixture(scope="module")
def filtered(tmp_path_factory: pytest.TempPathFactory, site: Path) -> Team:
    """A team that has a filter for its pages, which is what writes them when git checks them out."""
    return make_team(tmp_path_factory.mktemp("filtered"), site, conflicts=True, filtered=True)


PROCESS = r"""
import os, signal, sys

def packets():
    while size := int(sys.stdin.buffer.read(4) or b"0", 16):
        yield sys.stdin.buffer.read(size - 4)

def answer(*lines):
    for line in lines:
        sys.stdout.buffer.write(b"%04x" % (len(line) + 4) + line)
    sys.stdout.buffer.write(b"0000")
    sys.stdout.buffer.flush()

def harm():
    how = os.environ.get("DRILL_DO")
    pids = {"kill": "python", "interrupt": "python", "terminate": "python", "git": "git"}
    pid = 0 if how == "group" else int(open(os.environ["DRILL"] + "/" + pids[how]).read())
    os.kill(pid, {"interrupt": signal.SIGINT, "terminate": signal.SIGTERM}.get(how, signal.SIGKILL))

list(packets())
answer(b"git-filter-server\n", b"version=2\n")
list(packets())
answer(b"capability=clean\n", b"capability=smudge\n")
count = 0
while asked := list(packets()):
    text = b"".join(packets())
    is_smudge = b"command=smudge\n" in asked
    if is_smudge and os.environ.get("DRILL_SMUDGE") and os.path.exists(os.environ["DRILL"] + "/read-tree"):
        count += 1
        if count == int(os.environ["DRILL_SMUDGE"]):
            harm()
    answer(b"status=success\n")
    answer(text.replace(b"amber", b"AMBER") if is_smudge else text.replace(b"AMBER", b"amber"))
    answer()
"""


@pytest.mark.parametrize("how", ["kill", "group", "git", "interrupt", "terminate"])
def test_killed_while_a_filter_goes_on_running(filtered: Team, drill: Drill, tmp_path: Path, how: str) -> None:
    """A filter that serves all files of one git, and so is in the middle of its work too."""
    program(drill.place / "process.py", PROCESS)
    repository = filtered.copy(tmp_path / "team")
    git(repository, "config", "filter.loud.process", f"{sys.executable} {drill.place / 'process.py'}")
    before = snapshot(repository)
    done = drill.run(repository, smudge=3, do=how)
    if how in ("kill", "group"):
        assert done.returncode == -signal.SIGKILL
        assert (git_dir(repository) / "mlops-scaffold" / "journal.json").exists()
    else:
        assert done.returncode == {"git": 3, "interrupt": 130, "terminate": 143}[how]
        assert_one_sentence(done)
        assert before.differences(snapshot(repository)) == []
    assert_put_back(drill, repository, before)


@pytest.mark.parametrize("how", ["kill", "group", "git", "interrupt", "terminate", "fail"])
def test_killed_while_git_writes_files(filtered: Team, drill: Drill, tmp_path: Path, how: str) -> None:
    """The filter of a page does the harm, so that git is in the middle of its work."""
    drill.run(filtered.copy(tmp_path / "team"))
    pages = int((drill.place / "smudged").read_text())
    assert pages > 5
    for step in (pages, pages - 2):
        repository = filtered.copy(tmp_path / "team")
        done = drill.run(repository, smudge=step, do=how)
        if how in ("kill", "group"):
            assert_put_back(drill, repository, filtered.before)
        elif how == "fail":
            # A filter that is not required may fail: git writes the file as it is.
            assert done.returncode == 1
            continue
        else:
            assert done.returncode == {"git": 3, "interrupt": 130, "terminate": 143}[how]
            assert_one_sentence(done)
            assert filtered.before.differences(snapshot(repository)) == []
    if how == "group":
        assert_same_result(drill, repository, filtered.after)


def test_a_git_that_outlives_a_kill_is_waited_for(filtered: Team, drill: Drill, tmp_path: Path) -> None:
    drill.run(filtered.copy(tmp_path / "team"))
    pages = int((drill.place / "smudged").read_text())
    repository = filtered.copy(tmp_path / "team")
    killed = drill.run(repository, smudge=pages - 2, do="kill", sleep=0.5)
    assert killed.returncode == -signal.SIGKILL
    assert (git_dir(repository) / "index.lock").exists(), "no git is at work any more"
    assert drill.run(repository, "upgrade", "--abort").returncode == 0
    assert filtered.before.differences(snapshot(repository)) == []


@pytest.mark.parametrize("team", ["clean", "conflicts"], indirect=True)
@pytest.mark.parametrize("words", [(), ("upgrade", "--abort")], ids=["update", "abort"])
def test_killed_at_any_change_of_a_file(team: Team, drill: Drill, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Between two calls of git it writes the journal, and takes things back."""
    start = team
    if words:
        path = team.copy(tmp_path / "applied")
        assert drill.run(path).returncode in (0, 1)
        start = Team(path=path, before=team.before, after=team.after)
    ways = ("kill",) if words else ("kill", "interrupt", "fail")
    number = 0
    for step in range(1, STEPS, 1 if LONG else 13):
        repository = start.copy(tmp_path / "team")
        how = ways[number % len(ways)]
        done = drill.run(repository, *words, change=step, do=how)
        if done.returncode in (0, 1) and how != "fail":
            break
        number += 1
        if how != "kill":
            assert_one_sentence(done)
            assert done.returncode == {"interrupt": 130, "fail": 3}[how]
            assert team.before.differences(snapshot(repository)) == []
        assert_put_back(drill, repository, team.before)
    assert number > 2


@pytest.fixture(scope="module")
def moved_up(tmp_path_factory: pytest.TempPathFactory) -> Team:
    """A team with the templates that the product ships."""
    path = generate(tmp_path_factory.mktemp("real") / "repository", project_name="Churn", author_name="Ada")
    git(path, "init", "--quiet", "--initial-branch=main", "--template=")
    git(path, "add", "--all", "--force")
    git(path, "commit", "--quiet", "--message", "Start")
    (path / "README.md").write_text((path / "README.md").read_text() + "\nA word of the team.\n")
    (path / "pyproject.toml").write_text("# Ours.\n" + (path / "pyproject.toml").read_text())
    git(path, "mv", "docs/roles.md", "docs/who.md")
    git(path, "rm", "--quiet", "SECURITY.md")
    (path / "ops" / "src").chmod(0o700)
    (path / "tracking").mkdir()
    git(path, "commit", "--quiet", "--all", "--message", "Work")
    (path / "loose.txt").write_text("untracked\n")
    there = shutil.copytree(path, path.parent / "after", symlinks=True)
    words = [sys.executable, "-m", "mlops_scaffold", "upgrade", "--no-lock"]
    subprocess.run(words, cwd=there, capture_output=True, check=False)
    return Team(path=path, before=snapshot(path), after=snapshot(there))


def test_killed_at_a_random_moment(moved_up: Team, drill: Drill, tmp_path: Path) -> None:
    shipped = {name: value for name, value in drill.environment.items() if name != "PYTHONPATH"}
    real = Drill(place=drill.place, environment=shipped)
    chance = random.Random(4)
    moments = []
    for _ in range(LONG or 5):
        repository = moved_up.copy(tmp_path / "team")
        for words in (("upgrade", "--no-lock"), ("upgrade", "--abort")):
            process = real.start(repository, *words)
            try:
                process.communicate(timeout=chance.uniform(0.25, 0.8))
            except subprocess.TimeoutExpired:
                if chance.random() < 0.5:
                    os.killpg(process.pid, signal.SIGKILL)
                process.kill()
                process.communicate()
        moments.append((git_dir(repository) / "mlops-scaffold" / "journal.json").exists())
        assert_put_back(real, repository, moved_up.before)
        done = real.run(repository, "upgrade", "--no-lock")
        again = snapshot(repository)
        assert done.returncode in (0, 1), done.stderr
        assert (again.files, again.index, again.status) == (
            moved_up.after.files,
            moved_up.after.index,
            moved_up.after.status,
        )
    assert any(moments) or LONG < 20, "it was never killed in the middle"


@pytest.mark.parametrize("team", ["conflicts"], indirect=True)
@pytest.mark.parametrize("how", ["group", "interrupt"])
def test_in_a_linked_worktree(team: Team, drill: Drill, tmp_path: Path, how: str) -> None:
    main = team.copy(tmp_path / "team")
    linked = tmp_path / "linked"
    git(main, "worktree", "add", "--quiet", "--detach", str(linked))
    (linked / "empty").mkdir()
    (linked / "README.md").chmod(0o600)
    before, before_main = snapshot(linked), snapshot(main)
    drill.run(linked)
    step = drill.first("update-index")
    assert drill.run(linked, "upgrade", "--abort").returncode == 0
    done = drill.run(linked, at=step, do=how)
    assert done.returncode == (-signal.SIGKILL if how == "group" else 130)
    assert_put_back(drill, linked, before)
    assert before_main.differences(snapshot(main)) == []


@pytest.mark.parametrize("team", ["clean"], indirect=True)
def test_two_at_once_end_as_one(team: Team, drill: Drill, tmp_path: Path) -> None:
    repository = team.copy(tmp_path / "team")
    both = [drill.start(repository), drill.start(repository)]
    said = [process.communicate(timeout=60) for process in both]
    assert sorted(process.returncode for process in both) == [0, 3]
    (refusal,) = (err.decode() for process, (_, err) in zip(both, said, strict=True) if process.returncode == 3)
    assert "is applied and not committed" in refusal
    after = snapshot(repository)
    assert (after.files, after.index, after.status) == (team.after.files, team.after.index, team.after.status)
    assert drill.run(repository, "upgrade", "--abort").returncode == 0
    assert team.before.differences(snapshot(repository)) == []


@pytest.mark.parametrize("team", ["clean", "conflicts"], indirect=True)
def test_nothing_needs_room_to_be_put_back(team: Team, drill: Drill, tmp_path: Path) -> None:
    """From some moment on, nothing can be written any more."""
    number = 0
    for step in range(1, STEPS, 1 if LONG else 9):
        repository = team.copy(tmp_path / "team")
        done = drill.run(repository, change=step, do="full")
        if done.returncode in (0, 1):
            break
        number += 1
        assert done.returncode == 3
        assert_one_sentence(done)
        assert team.before.differences(snapshot(repository)) == []
    assert number > 3


@pytest.mark.parametrize("team", ["clean"], indirect=True)
def test_a_full_disk_changes_nothing(team: Team, drill: Drill, tmp_path: Path) -> None:
    """A limit on the size of a file is met where a full disk would be: in a git, or while the journal is written."""
    codes = set()
    for blocks in (1, 2, 4, 6, 8, 12, 20, 1000):
        repository = team.copy(tmp_path / "team")
        done = drill.run(repository, largest=blocks)
        codes.add(done.returncode)
        if done.returncode != 0:
            assert done.returncode == 3, done.stderr
            assert_one_sentence(done)
            assert team.before.differences(snapshot(repository)) == []
    assert codes == {0, 3}


@pytest.mark.parametrize("team", ["clean"], indirect=True)
def test_a_directory_that_can_not_be_written_changes_nothing(team: Team, drill: Drill, tmp_path: Path) -> None:
    repository = team.copy(tmp_path / "team")
    (repository / "tools").chmod(0o555)
    before = snapshot(repository)
    # Root may write everywhere, unless that is taken from it.
    drop = "-dac_override,-dac_read_search"
    words = ["setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}"] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*words, sys.executable, "-m", "mlops_scaffold", "update", "--no-lock"],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": drill.environment["PYTHONPATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert_one_sentence(done)
    assert "Permission denied" in done.stderr
    assert before.differences(snapshot(repository)) == []


@pytest.fixture
def locked(team: Team, tmp_path: Path) -> Team:
    """A team that keeps its lock in git."""
    path = team.copy(tmp_path / "locked")
    (path / "uv.lock").write_text("the old lock\n")
    (path / "uv.lock").chmod(0o640)
    git(path, "add", "uv.lock")
    git(path, "commit", "--quiet", "--message", "Lock", "--", "uv.lock")
    return Team(path=path, before=snapshot(path), after=team.after)


@pytest.mark.parametrize("team", ["clean"], indirect=True)
@pytest.mark.parametrize("how", ["kill", "group", "interrupt", "terminate"])
def test_stopped_while_uv_locks(locked: Team, drill: Drill, tmp_path: Path, how: str) -> None:
    repository = locked.copy(tmp_path / "team")
    done = drill.run(repository, "update", uv=how)
    assert done.returncode == {"interrupt": 130, "terminate": 143}.get(how, -signal.SIGKILL)
    if how in ("interrupt", "terminate"):
        assert_one_sentence(done)
        assert locked.before.differences(snapshot(repository)) == []
    assert_put_back(drill, repository, locked.before)


@pytest.mark.parametrize("team", ["clean"], indirect=True)
def test_a_lock_that_uv_fails_to_make_stays_the_old_one(locked: Team, drill: Drill, tmp_path: Path) -> None:
    repository = locked.copy(tmp_path / "team")
    done = drill.run(repository, "update", uv="fail")
    assert done.returncode == 0
    assert "not locked" in done.stdout
    assert (repository / "uv.lock").read_text() == "the old lock\n"
    assert "uv.lock" not in git(repository, "status", "--porcelain")
    (repository / "uv.lock").write_text("tried by hand\n")
    git(repository, "restore", "uv.lock")
    (repository / "uv.lock").chmod(0o640)
    assert drill.run(repository, "upgrade", "--abort").returncode == 0
    assert locked.before.differences(snapshot(repository)) == []


@pytest.mark.parametrize("team", ["clean"], indirect=True)
def test_taking_back_brings_the_old_lock(locked: Team, drill: Drill, tmp_path: Path) -> None:
    repository = locked.copy(tmp_path / "team")
    assert drill.run(repository, "update").returncode == 0
    assert git(repository, "show", ":uv.lock") == "a whole lock\n"
    assert drill.run(repository, "upgrade", "--abort").returncode == 0
    assert locked.before.differences(snapshot(repository)) == []


@pytest.mark.parametrize("team", ["conflicts"], indirect=True)
@pytest.mark.parametrize("verb", ["update-index", "update-ref", "rerere"])
def test_locks_of_a_killed_git_do_not_keep_it_from_being_taken_back(
    team: Team, drill: Drill, tmp_path: Path, verb: str
) -> None:
    repository = team.copy(tmp_path / "team")
    drill.run(repository)
    step = drill.first(verb)
    repository = team.copy(tmp_path / "team")
    drill.run(repository, at=step, do="after")
    for name in ("index", "CHERRY_PICK_HEAD", "MERGE_RR"):
        (repository / ".git" / f"{name}.lock").touch()
    assert_put_back(drill, repository, team.before)


@pytest.mark.parametrize("team", ["conflicts"], indirect=True)
def test_what_rerere_noted_is_taken_back_too(team: Team, drill: Drill, tmp_path: Path) -> None:
    source = team.copy(tmp_path / "source")
    (source / ".git" / "rr-cache").mkdir()
    (source / ".git" / "MERGE_MSG").write_text("begun earlier\n")
    (source / ".git" / "MERGE_RR").touch()
    before = snapshot(source)
    assert drill.run(source).returncode == 1
    assert (source / ".git" / "MERGE_RR").read_text() != ""
    assert "begun earlier" not in (source / ".git" / "MERGE_MSG").read_text()
    assert drill.run(source, "upgrade", "--abort").returncode == 0
    assert before.differences(snapshot(source)) == []


@pytest.mark.parametrize("team", ["clean"], indirect=True)
def test_work_that_is_staged_after_an_update_is_not_taken_back(team: Team, drill: Drill, tmp_path: Path) -> None:
    repository = team.copy(tmp_path / "team")
    assert drill.run(repository).returncode == 0
    replace(repository / "README.md", "jade readme 9", "jade readme 9, written later")
    git(repository, "add", "README.md")
    done = drill.run(repository, "upgrade", "--abort")
    assert done.returncode == 3
    assert "README.md" in done.stderr
    assert "written later" in (repository / "README.md").read_text()


@pytest.mark.parametrize("team", ["clean"], indirect=True)
def test_an_update_that_was_thrown_away_does_not_take_later_work_with_it(
    team: Team, drill: Drill, tmp_path: Path
) -> None:
    repository = team.copy(tmp_path / "team")
    assert drill.run(repository).returncode == 0
    git(repository, "reset", "--quiet", "--hard")
    replace(repository / "README.md", "jade readme 9", "jade readme 9, written later")
    git(repository, "add", "README.md")
    done = drill.run(repository)
    assert done.returncode == 3
    assert "There are staged changes" in done.stderr
    done = drill.run(repository, "upgrade", "--abort")
    assert done.returncode == 3
    assert "There is no upgrade to take back" in done.stderr
    assert "written later" in (repository / "README.md").read_text()


@pytest.mark.parametrize("team", ["clean"], indirect=True)
def test_a_directory_that_becomes_a_file_must_hold_nothing_untracked(team: Team, drill: Drill, tmp_path: Path) -> None:
    repository = team.copy(tmp_path / "team")
    for name in ("zone/nothing/own.txt", "zone/key.secret"):
        (repository / name).write_text("untracked\n")
    before = snapshot(repository)
    done = drill.run(repository)
    assert done.returncode == 3
    assert "zone/key.secret, zone/nothing/own.txt" in done.stderr
    assert before.differences(snapshot(repository)) == []
    shown = drill.run(repository, "update", "--preview")
    assert shown.returncode == 1
    assert "zone/key.secret, zone/nothing/own.txt" in shown.stdout


@pytest.mark.parametrize("team", ["clean"], indirect=True)
def test_a_name_of_the_greatest_length_is_put_back(team: Team, drill: Drill, tmp_path: Path) -> None:
    repository = team.copy(tmp_path / "team")
    name = "\N{CJK UNIFIED IDEOGRAPH-6587}" * 84 + ".md"
    git(repository, "mv", "docs/handbuch für alle.md", f"docs/{name}")
    git(repository, "commit", "--quiet", "--message", "Rename", "--", "docs")
    before = snapshot(repository)
    assert drill.run(repository).returncode == 0
    assert before.files[f"docs/{name}"] != snapshot(repository).files[f"docs/{name}"]
    assert drill.run(repository, "upgrade", "--abort").returncode == 0
    assert before.differences(snapshot(repository)) == []


def killed(team: Team, drill: Drill, place: Path) -> Path:
    """A repository whose update was killed when git had written all files."""
    drill.run(team.copy(place))
    step = drill.first("read-tree")
    repository = team.copy(place)
    drill.run(repository, at=step, do="after")
    return repository


@pytest.mark.parametrize("team", ["clean", "conflicts"], indirect=True)
def test_work_after_a_kill_is_kept_when_all_is_put_back(team: Team, drill: Drill, tmp_path: Path) -> None:
    repository = killed(team, drill, tmp_path / "team")
    work = {"README.md": "an hour of work\n", "docs/added.md": "and another one\n"}
    for name, text in work.items():
        with (repository / name).open("a") as file:
            file.write(text)
    expected = {name: (repository / name).read_bytes() for name in work}
    (repository / "tools/run.sh").write_bytes((repository / "tools/run.sh").read_bytes()[:30])
    done = drill.run(repository, "upgrade", "--abort")
    assert done.returncode == 1, done.stderr
    kept = git_dir(repository) / "mlops-scaffold-kept" / "1"
    assert str(kept) in done.stdout
    assert [line.strip() for line in done.stdout.splitlines()[2:]] == sorted(work), "half a file is git's, and no work"
    assert {name: (kept / name).read_bytes() for name in work} == expected
    shutil.rmtree(kept.parent)
    assert team.before.differences(snapshot(repository)) == []


def test_what_a_filter_writes_is_no_work(filtered: Team, drill: Drill, tmp_path: Path) -> None:
    repository = killed(filtered, drill, tmp_path / "team")
    assert "AMBER" in (repository / "README.md").read_text()
    assert_put_back(drill, repository, filtered.before)


@pytest.mark.parametrize("team", ["clean"], indirect=True)
def test_work_is_kept_even_when_the_objects_of_the_update_are_gone(team: Team, drill: Drill, tmp_path: Path) -> None:
    repository = killed(team, drill, tmp_path / "team")
    with (repository / "README.md").open("a") as file:
        file.write("an hour of work\n")
    (repository / ".git/index").write_bytes((repository / ".git/mlops-scaffold/index").read_bytes())
    git(repository, "prune", "--expire=now")
    tree = json.loads((repository / ".git/mlops-scaffold/journal.json").read_text())["tree"]
    assert run("git", "-C", repository, "cat-file", "-e", tree).returncode != 0
    done = drill.run(repository, "upgrade", "--abort")
    assert done.returncode == 1, done.stderr
    kept = git_dir(repository) / "mlops-scaffold-kept"
    assert "an hour of work" in (kept / "1" / "README.md").read_text()
    shutil.rmtree(kept)
    assert team.before.differences(snapshot(repository)) == []


@pytest.mark.parametrize("team", ["conflicts"], indirect=True)
def test_what_lies_in_the_way_is_named_before_anything_is_put_back(team: Team, drill: Drill, tmp_path: Path) -> None:
    repository = team.copy(tmp_path / "team")
    assert drill.run(repository).returncode == 1
    (repository / "docs/ops.md").unlink()
    (repository / "docs/ops.md").mkdir()
    (repository / "docs/ops.md/mine.txt").write_text("mine\n")
    after = snapshot(repository)
    done = drill.run(repository, "upgrade", "--abort")
    assert done.returncode == 3
    assert "Something of yours lies where files are to be put back: docs/ops.md." in done.stderr
    assert after.differences(snapshot(repository)) == []
    shutil.rmtree(repository / "docs/ops.md")
    assert drill.run(repository, "upgrade", "--abort").returncode == 0
    assert team.before.differences(snapshot(repository)) == []


@pytest.mark.parametrize("team", ["clean"], indirect=True)
def test_what_is_written_into_a_file_that_is_back_reaches_no_copy(team: Team, drill: Drill, tmp_path: Path) -> None:
    """Taking back is killed halfway, somebody writes into a file that is back already, and it goes on."""
    repository = team.copy(tmp_path / "team")
    assert drill.run(repository).returncode == 0
    drill.run(repository, "upgrade", "--abort", change=4 + len(list((repository / "docs").iterdir())), do="kill")
    assert (git_dir(repository) / "mlops-scaffold/journal.json").exists()
    for name in ("README.md", "config/settings.toml", "docs/handbuch für alle.md", "pyproject.toml"):
        with (repository / name).open("a") as file:
            file.write("TOKEN\n")
    done = drill.run(repository, "upgrade", "--abort")
    assert done.returncode in (0, 1), done.stderr
    texts = [path.read_bytes() for path in repository.rglob("*") if path.is_file()]
    assert sum(b"TOKEN" in text for text in texts) == 4


@pytest.mark.parametrize("team", ["conflicts"], indirect=True)
def test_a_lock_that_was_made_after_the_conflicts_is_taken_back(locked: Team, drill: Drill, tmp_path: Path) -> None:
    """The commands that the report gives are no work that would be lost."""
    repository = locked.copy(tmp_path / "team")
    assert drill.run(repository, "update").returncode == 1
    (repository / "uv.lock").write_text("a new lock\n")
    git(repository, "add", "uv.lock", "docs/ops.md")
    done = drill.run(repository, "upgrade", "--abort")
    assert done.returncode == 0, done.stderr
    assert locked.before.differences(snapshot(repository)) == []


@pytest.mark.parametrize("team", ["clean"], indirect=True)
def test_what_was_staged_after_a_kill_is_kept(team: Team, drill: Drill, tmp_path: Path) -> None:
    repository = killed(team, drill, tmp_path / "team")
    for name in ("plan.md", "docs/added.md"):
        (repository / name).write_text("staged\n")
        git(repository, "add", name)
        (repository / name).write_text("and changed again\n")
    (repository / "seen.md").write_text("the same on the disk\n")
    git(repository, "add", "seen.md")
    done = drill.run(repository, "upgrade", "--abort")
    assert done.returncode == 1, done.stderr
    kept = git_dir(repository) / "mlops-scaffold-kept" / "1"
    texts = {path.relative_to(kept).as_posix(): path.read_text() for path in kept.rglob("*") if path.is_file()}
    assert texts == {
        "docs/added.md": "and changed again\n",
        "staged/docs/added.md": "staged\n",
        "staged/plan.md": "staged\n",
    }
    assert (repository / "plan.md").read_text() == "and changed again\n"
    assert (repository / "seen.md").read_text() == "the same on the disk\n"


@pytest.mark.parametrize("team", ["clean"], indirect=True)
def test_a_merge_that_was_begun_after_a_kill_is_not_spoilt(team: Team, drill: Drill, tmp_path: Path) -> None:
    drill.run(team.copy(tmp_path / "team"))
    step = drill.first("read-tree")
    repository = team.copy(tmp_path / "team")
    drill.run(repository, at=step, do="group")
    commit = git(repository, "commit-tree", "HEAD~1^{tree}", "-p", "HEAD~1", "-m", "Other").strip()
    (repository / ".git/MERGE_HEAD").write_text(f"{commit}\n")
    before = snapshot(repository)
    done = drill.run(repository, "upgrade", "--abort")
    assert done.returncode == 3
    assert "A `git merge` is under way that was begun after the upgrade. End it by `git merge --abort`" in done.stderr
    assert before.differences(snapshot(repository)) == []
    (repository / ".git/MERGE_HEAD").unlink()
    assert_put_back(drill, repository, team.before)


@pytest.mark.parametrize("team", ["clean"], indirect=True)
@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may write everywhere")
def test_a_directory_that_can_not_be_written_stops_it_before_it_begins(
    team: Team, drill: Drill, tmp_path: Path
) -> None:
    repository = killed(team, drill, tmp_path / "team")
    (repository / "tools").chmod(0o555)
    after = snapshot(repository)
    words = [sys.executable, "-m", "mlops_scaffold", "upgrade", "--abort"]
    if os.geteuid() == 0:
        words = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all", *words]
    done = subprocess.run(
        words, cwd=repository, env={**os.environ, **drill.environment}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "These directories can't be written: tools." in done.stderr) == (3, True), done.stderr
    assert after.differences(snapshot(repository)) == []
    (repository / "tools").chmod(0o755)
    assert_put_back(drill, repository, team.before)
