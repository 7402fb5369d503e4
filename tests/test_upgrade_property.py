"""Teams that edit at random: whatever they do, no line of theirs is lost, and what is taken back is as it was.

Each line that a team writes carries a token that is nowhere else. The templates are small ones in three versions, so
that an update also deletes, renames and replaces files. `MLOPS_SCAFFOLD_EXAMPLES=5000` makes a long run of it.
"""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from repositories import command, use_templates
from small_templates import LEVELS, VERSIONS, project, templates, write_tree_with_parents
from snapshots import look, snapshot
from workflows.tools import git

from mlops_scaffold.project import MANIFEST, PROJECT, maintained, read_manifest
from mlops_scaffold.tree import File

EXAMPLES = int(os.environ.get("MLOPS_SCAFFOLD_EXAMPLES", "0"))

POOL = (
    *("docs/added.md", "handbook/moved.md", "area/inner.md", "zone", "zone/own.md", "new", "new/deep", "empty/now.md"),
    *("docs/old/only.md", "docs/training.md", "nested/deep/er/file.md", "nested", "tools/train.sh", "papers/a.md"),
    *("docs/deploying.md", "config/deploy/rules.toml", "config/deploy", "own.md", "own dir/with spaces.md"),
    *("docs/für alle.md", "docs/guide.md~yours", "docs/guide.md", "README.md", "assets/logo.bin", "handbook/own.md"),
    "tools/run.sh",
)
"""Paths for files of the team: where later templates put theirs, and others."""

NEW = ("docs/added.md", "new/deep/file.md", "new", "empty/now.md", "empty", "handbook/moved.md", "docs/ops.md", "x.md")
"""Paths for files that nobody has committed: where updates put theirs, and one more."""

FOLDERS = ("handbook", "papers", "docs/inner", "nested", "own dir", "docs", "tools/docs", "zone")
"""Directories that a team may rename one to."""

Lines = dict[str, tuple[str, str]]
"""Path → mode and id."""

MARKS = re.compile(rb"^(<{7}|\|{7}|={7}|>{7})[^\n]*\n?", re.MULTILINE)
TOKEN = re.compile(rb"USERTOKEN\d+;")


@cache
def workplace() -> Path:
    """Where templates and fresh repositories are, made once."""
    place = Path(tempfile.mkdtemp(prefix="property-"))
    for version in VERSIONS:
        write_tree_with_parents(templates(version), place / f"templates{version}")
    return place


@cache
def fresh(version: int, level: int) -> Path:
    """A repository as `new` makes it."""
    path = workplace() / f"fresh{version}{level}"
    write_tree_with_parents(project(version, level), path)
    git(path, "init", "--quiet", "--initial-branch=main", "--template=")
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "--message", "Start")
    return path


@cache
def wanted(version: int, level: int) -> Lines:
    """What the templates give: path → mode and id, the team's own files left out."""
    tree = project(version, level)
    return {path: (file.mode, file.blob_id) for path, file in {**maintained(tree, "churn"), **state(tree)}.items()}


def state(tree: Any) -> dict[str, File]:
    return {path: tree[path] for path in (MANIFEST, PROJECT)}


@pytest.fixture(scope="module", autouse=True)
def clear_up() -> Any:
    yield
    shutil.rmtree(workplace(), ignore_errors=True)


class Team(RuleBasedStateMachine):
    """A repository that is edited, committed, previewed, updated, upgraded and taken back."""

    @initialize(version=st.sampled_from(VERSIONS[:2]), level=st.sampled_from(LEVELS[:2]))
    def start(self, version: int, level: int) -> None:
        self.path = Path(tempfile.mkdtemp(dir=workplace())) / "repository"
        shutil.copytree(fresh(version, level), self.path, symlinks=True)
        self.version, self.level = version, level
        self.tokens = 0
        self.edits = 0

    def teardown(self) -> None:
        if hasattr(self, "path"):
            shutil.rmtree(self.path.parent, ignore_errors=True)

    # What the team does.

    def token(self) -> bytes:
        self.tokens += 1
        self.edits += 1
        return b"USERTOKEN%d;" % self.tokens

    def files(self) -> list[str]:
        found = [
            Path(place, name).relative_to(self.path).as_posix()
            for place, _, names in os.walk(self.path)
            for name in names
            if not Path(place).is_relative_to(self.path / ".git")
        ]
        links = [path.relative_to(self.path).as_posix() for path in self.path.rglob("*") if path.is_symlink()]
        return sorted(path for path in {*found, *links} if not path.startswith((".git/", ".mlops-scaffold/")))

    def pick(self, number: int) -> Path | None:
        names = self.files()
        return self.path / names[number % len(names)] if names else None

    def text(self, number: int) -> tuple[Path, list[bytes]] | None:
        texts = [path for name in self.files() if not (path := self.path / name).is_symlink()]
        texts = [path for path in texts if b"\0" not in path.read_bytes()]
        if not texts:
            return None
        path = texts[number % len(texts)]
        return path, path.read_bytes().splitlines(keepends=True)

    numbers = st.integers(0, 10_000)

    @rule(number=numbers, at=numbers, lines=st.integers(1, 4))
    def insert_lines(self, number: int, at: int, lines: int) -> None:
        if found := self.text(number):
            path, content = found
            at %= len(content) + 1
            content[at:at] = [self.token() + b" inserted\n" for _ in range(lines)]
            path.write_bytes(b"".join(content))

    @rule(number=numbers, at=numbers, lines=st.integers(1, 6))
    def replace_lines(self, number: int, at: int, lines: int) -> None:
        if (found := self.text(number)) and found[1]:
            path, content = found
            at %= len(content)
            content[at : at + lines] = [self.token() + b" replaced\n"]
            path.write_bytes(b"".join(content))

    @rule(number=numbers, at=numbers)
    def extend_a_line(self, number: int, at: int) -> None:
        if (found := self.text(number)) and found[1]:
            path, content = found
            at %= len(content)
            content[at] = self.token() + b" " + content[at]
            path.write_bytes(b"".join(content))

    @rule(number=numbers, at=numbers, lines=st.integers(1, 8))
    def delete_lines(self, number: int, at: int, lines: int) -> None:
        if (found := self.text(number)) and found[1]:
            path, content = found
            at %= len(content)
            del content[at : at + lines]
            self.edits += 1
            path.write_bytes(b"".join(content))

    @rule(number=numbers, new=st.sampled_from(POOL))
    def rename_a_file(self, number: int, new: str) -> None:
        old = self.pick(number)
        if old and self.is_free(new) and not (self.path / new).is_relative_to(old):
            self.edits += 1
            (self.path / new).parent.mkdir(parents=True, exist_ok=True)
            old.rename(self.path / new)

    @rule(number=numbers, new=st.sampled_from(FOLDERS))
    def rename_a_directory(self, number: int, new: str) -> None:
        folders = sorted({path.parent for name in self.files() if (path := self.path / name).parent != self.path})
        if folders and self.is_free(new):
            old = folders[number % len(folders)]
            if not (self.path / new).is_relative_to(old):
                self.edits += 1
                (self.path / new).parent.mkdir(parents=True, exist_ok=True)
                old.rename(self.path / new)

    @rule(number=numbers)
    def delete_a_file(self, number: int) -> None:
        if path := self.pick(number):
            self.edits += 1
            path.unlink()

    @rule(new=st.sampled_from(POOL), lines=st.integers(0, 5))
    def add_a_file(self, new: str, lines: int) -> None:
        if self.is_free(new):
            path = self.path / new
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join(self.token() + b" added\n" for _ in range(lines)))

    @rule(number=numbers, new=st.sampled_from(POOL))
    def copy_a_file(self, number: int, new: str) -> None:
        if (found := self.text(number)) and self.is_free(new):
            path = self.path / new
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join([*found[1], self.token() + b" copied\n"]))

    @rule(number=numbers)
    def make_a_directory_of_a_file(self, number: int) -> None:
        if path := self.pick(number):
            path.unlink()
            path.mkdir()
            (path / "inner.md").write_bytes(self.token() + b" inner\n")

    @rule(number=numbers)
    def make_a_link_of_a_file(self, number: int) -> None:
        if path := self.pick(number):
            path.unlink()
            path.symlink_to(self.token().decode() + ".md")

    @rule(number=numbers)
    def make_a_file_binary(self, number: int) -> None:
        if (path := self.pick(number)) and not path.is_symlink():
            path.write_bytes(b"\0\xff" + self.token())

    @rule(number=numbers)
    def make_a_file_executable_or_not(self, number: int) -> None:
        if (path := self.pick(number)) and not path.is_symlink():
            self.edits += 1
            path.chmod(path.stat().st_mode ^ 0o111)

    @rule(number=numbers)
    def turn_line_ends(self, number: int) -> None:
        if found := self.text(number):
            path, content = found
            self.edits += 1
            text = b"".join(content)
            path.write_bytes(text.replace(b"\r\n", b"\n") if b"\r\n" in text else text.replace(b"\n", b"\r\n"))

    @rule()
    def commit(self) -> None:
        git(self.path, "add", "--all", "--force")
        git(self.path, "commit", "--quiet", "--allow-empty", "--message", "Work")

    def is_free(self, name: str) -> bool:
        path = self.path / name
        parents = [self.path / parent for parent in Path(name).parents]
        return not os.path.lexists(path) and not any(
            parent.is_symlink() or (parent.exists() and not parent.is_dir()) for parent in parents
        )

    # What the product does.

    versions = st.sampled_from(VERSIONS)
    endings = st.sampled_from(["ours", "theirs", "both"])

    @precondition(lambda self: self.edits)
    @rule(version=versions, ending=endings)
    def update(self, version: int, ending: str) -> None:
        self.merge("update", version, ending)

    @precondition(lambda self: self.edits and self.level < max(LEVELS))
    @rule(version=versions, ending=endings)
    def upgrade(self, version: int, ending: str) -> None:
        self.merge("upgrade", version, ending)

    @precondition(lambda self: self.edits)
    @rule(version=versions)
    def update_and_take_it_back(self, version: int) -> None:
        self.merge("update", version, "abort")

    @precondition(lambda self: self.edits and self.level < max(LEVELS))
    @rule(version=versions)
    def upgrade_and_take_it_back(self, version: int) -> None:
        self.merge("upgrade", version, "abort")

    @precondition(lambda self: self.edits)
    @rule(version=versions, new=st.sampled_from(NEW))
    def update_beside_an_untracked_file(self, version: int, new: str) -> None:
        if self.is_free(new):
            self.commit()
            (self.path / new).parent.mkdir(parents=True, exist_ok=True)
            (self.path / new).write_text("untracked\n")
            self.merge("update", version, "abort", is_dirty=True)

    @precondition(lambda self: self.edits)
    @rule(version=versions, number=numbers)
    def update_beside_an_uncommitted_edit(self, version: int, number: int) -> None:
        if found := self.text(number):
            self.commit()
            found[0].write_bytes(b"".join(found[1]) + b"not committed\n")
            self.merge("update", version, "abort", is_dirty=True)

    def merge(self, verb: str, version: int, ending: str, *, is_dirty: bool = False) -> None:
        level = self.level + (verb == "upgrade")
        if not is_dirty:
            self.commit()
            self.edits = 0
        # What the last merge has saved is not needed any more.
        shutil.rmtree(self.path / ".git" / "mlops-scaffold", ignore_errors=True)
        before = snapshot(self.path)
        with pytest.MonkeyPatch.context() as patch:
            use_templates(workplace() / f"templates{version}", patch)
            shown = self.run(verb, "--preview")
            assert before.differences(snapshot(self.path)) == []
            if shown["refusals"]:
                assert is_dirty
                assert command(verb, self.path, "--defaults", "--no-lock").code == 3
                assert before.differences(snapshot(self.path)) == []
                return
            done = self.run(verb)
            assert {**shown, "applied": None} == {**done, "applied": None}
            if done["nothing_to_do"]:
                assert before.differences(snapshot(self.path)) == []
                return
            self.check(done, before.files, version, level)
            if ending == "abort":
                taken_back = command("upgrade", self.path, "--abort")
                assert taken_back.code == 0, taken_back.err
                assert before.differences(snapshot(self.path)) == []
                return
            self.finish([conflict["path"] for conflict in done["conflicts"]], ending)
            self.version, self.level = version, level
            assert self.run("update")["nothing_to_do"]
            stands = command("status", self.path, "--json").data
            assert (stands["level"], stands["unfinished_upgrade"], stands["update_waits"]) == (level, None, False)

    def run(self, verb: str, *words: str) -> dict[str, Any]:
        done = command(verb, self.path, "--defaults", "--no-lock", "--json", *words)
        assert done.err == ""
        data = done.data
        assert done.code == (1 if data["conflicts"] or data["refusals"] else 0)
        return data

    def check(self, done: dict[str, Any], files: dict[str, tuple[str, bytes | None]], version: int, level: int) -> None:
        """Hold the result against what was promised."""
        ours, index = self.listed("ls-tree", "-r", "-z", "HEAD"), self.listed("ls-files", "--stage", "-z")
        conflicts = {conflict["path"] for conflict in done["conflicts"]}
        changed = {change["path"]: change for kind in ("added", "changed", "removed") for change in done["files"][kind]}
        unmerged = self.unmerged()
        assert unmerged.keys() == conflicts
        staged = set(look(self.path, "diff", "--cached", "--no-renames", "--name-only", "-z").split("\0")) - {""}
        assert staged - conflicts == set(changed)
        assert (self.path / ".git" / "CHERRY_PICK_HEAD").exists() == bool(conflicts)
        # Of a file with other line ends, the repository never had the one that the templates gave.
        for path in done["guessed_base"]:
            assert b"\r\n" in self.object(f"HEAD:{path}")

        # No line is lost, and what was not committed is as it was.
        stages = {oid: self.object(oid) for found in unmerged.values() for oid in found.values()}
        after = snapshot(self.path).files
        texts = [*(content or b"" for _, content in after.values()), *stages.values()]
        assert set(TOKEN.findall(self.contents("HEAD"))) - set(TOKEN.findall(b"\n".join(texts))) == set()
        modified = look(self.path, "ls-files", "--modified", "--others", "-z").split("\0")[:-1]
        for path in {*modified} - conflicts:
            assert after[path] == files[path], f"{path} is not as it was"

        base = {**read_manifest(self.object(f"HEAD:{MANIFEST}")), **{path: ours[path] for path in (MANIFEST, PROJECT)}}
        theirs = wanted(version, level)
        self.check_files_of_the_team(done, {*base} | {*theirs} | conflicts, ours, index, {*stages})
        for path in {*ours} & {*base} & {*theirs} - conflicts:
            if ours[path] == base[path]:
                assert index[path] == theirs[path], f"{path} was not edited, and is not what the templates give"
        self.check_line_ends(conflicts, ours, base, theirs, done["guessed_base"])

        kept = set(done["kept_deletions"])
        for path in {*base} - {*ours}:
            assert path not in index or path in conflicts, f"{path} is back"
        for path in kept:
            assert path not in index
            assert after.get(path) in (None, files.get(path))
        assert {1, 3} not in [found.keys() for found in unmerged.values()], "what the team deleted is a conflict"
        beside = {path.partition("~")[0] for path in conflicts}
        self.check_renames(conflicts | kept | beside, ours, index, base, theirs)

        # A new file may be elsewhere: in a directory that the team has moved, or beside something of the team's.
        elsewhere = set(done["followed"].values()) | beside
        # The templates move a file of which the team has made a link: to git, the team has deleted it.
        linked = {base[path] for path in {*base} & {*ours} if ours[path][0] == "120000"}
        for path in {*theirs} - {*base} - {*ours}:
            assert theirs[path] in linked or path in {*index} | conflicts | kept | elsewhere, f"{path} is missing"

    def check_files_of_the_team(
        self, done: dict[str, Any], others: set[str], ours: Lines, index: Lines, stages: set[str]
    ) -> None:
        """What is in no template stays as it is where it is, unless it was one and the merge has followed it."""
        merged = {change["path"] for change in done["files"]["changed"] if change["merged"]}
        conflicts = [conflict["path"] for conflict in done["conflicts"]]
        # What lay in a directory that the templates have replaced by a file has moved, and the report says so.
        moves = {before: path for path, before in done["followed"].items()}
        moves = {before: path for before, path in moves.items() if {*map(str, Path(before).parents)} & {*index}}
        for path, line in ours.items():
            # Git moves a file aside for a directory, and along with a directory, as a conflict.
            aside = line[1] in stages or any(conflict.startswith(f"{path}~") for conflict in conflicts)
            if path not in others and path not in merged and not aside:
                assert index.get(moves.get(path, path)) == line, f"{path} is no template, and was touched"

    def check_line_ends(
        self, conflicts: set[str], ours: Lines, base: Lines, theirs: Lines, guessed: Sequence[str]
    ) -> None:
        """A file of which the team has turned the line ends alone takes what the templates give, and keeps its ends."""
        for path in {*ours} & {*base} & {*theirs} - {*guessed, MANIFEST, PROJECT}:
            mine = self.object(f"HEAD:{path}")
            before = File(content=mine.replace(b"\r\n", b"\n"))
            if ours[path][0] == base[path][0] and before.blob_id == base[path][1] and before.content != mine:
                assert path not in conflicts
                now = self.object(f":{path}")
                assert b"\n" not in now.replace(b"\r\n", b"")
                assert File(content=now.replace(b"\r\n", b"\n")).blob_id == theirs[path][1]

    def check_renames(self, others: set[str], ours: Lines, index: Lines, base: Lines, theirs: Lines) -> None:
        """A change of the templates reaches a file that the team has renamed; a deletion that meets one is reported."""
        new = {path: line for path, line in ours.items() if path not in base and not path.startswith("src/churn/")}
        texts = [self.object(oid) for _, oid in new.values()]
        # Git takes a link or an added file for a rename where it resembles one.
        links = {path for path in ours if ours[path][0] == "120000"}
        for path in {*base} & {*theirs} - {*ours}:
            same = [name for name, line in new.items() if line == base[path]]
            if base[path] == theirs[path] or links:
                continue
            if len(same) == 1 and same[0] not in {*others, *theirs}:
                assert index.get(same[0]) == theirs[path], f"{path} was renamed to {same[0]}, and is not merged there"
            given = set(project(self.version, self.level)[path].content.splitlines())
            if not any(given & {*text.splitlines()} for text in texts):
                assert path in others, f"{path} was deleted, and nobody says so"

    def finish(self, conflicts: list[str], ending: str) -> None:
        """Decide each conflict, and commit."""
        sides, stages = {"ours": 2, "theirs": 3}, self.unmerged()
        for path in conflicts:
            place = self.path / path
            if ending != "both" and sides[ending] in stages.get(path, {}):
                git(self.path, "checkout", f"--{ending}", "--", path)
            elif ending != "both" or not os.path.lexists(place):
                git(self.path, "update-index", "--force-remove", "--", path)
                if os.path.lexists(place) and (place.is_symlink() or not place.is_dir()):
                    place.unlink()
                continue
            elif place.is_file() and not place.is_symlink():
                place.write_bytes(MARKS.sub(b"", place.read_bytes()))
            git(self.path, "add", "--force", "--", path)
        git(self.path, "commit", "--quiet", "--no-edit")
        name, moment = look(self.path, "log", "-1", "--format=%an %at").rsplit(" ", 1)
        assert name == "Ada Lovelace" or not conflicts
        assert abs(time.time() - int(moment)) < 60

    # What git says.

    def listed(self, *words: str) -> Lines:
        """Path → mode and id."""
        found = {}
        for line in look(self.path, *words).split("\0")[:-1]:
            meta, path = line.split("\t")
            mode, *rest = meta.split()
            found[path] = (mode, next(word for word in rest if len(word) == 40))
        return found

    def unmerged(self) -> dict[str, dict[int, str]]:
        """Path → stage → id."""
        found: dict[str, dict[int, str]] = {}
        for line in look(self.path, "ls-files", "--unmerged", "-z").split("\0")[:-1]:
            meta, path = line.split("\t")
            _, oid, stage = meta.split()
            found.setdefault(path, {})[int(stage)] = oid
        return found

    def object(self, name: str) -> bytes:
        return os.fsencode(look(self.path, "cat-file", "blob", name))

    def contents(self, commit: str) -> bytes:
        return b"\n".join(self.object(oid) for _, oid in self.listed("ls-tree", "-r", "-z", commit).values())


Team.TestCase.settings = settings(
    max_examples=EXAMPLES or 60,
    stateful_step_count=14,
    deadline=None,
    derandomize=not EXAMPLES,
    database=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
TestTeam = Team.TestCase


def test_files_of_a_team_stay_where_they_are_when_the_templates_move_their_directory(tmp_path: Path) -> None:
    path = tmp_path / "repository"
    shutil.copytree(fresh(2, 1), path)
    (path / "handbook" / "own.md").write_text("own\n")
    (path / "handbook" / "deeper").mkdir()
    (path / "handbook" / "deeper" / "own.md").write_text("deeper\n")
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "--message", "Work")
    with pytest.MonkeyPatch.context() as patch:
        use_templates(workplace() / "templates1", patch)  # It has handbook/moved.md in docs/.
        done = command("update", path, "--no-lock", "--json")
    assert done.code == 0, done.err
    assert done.data["followed"] == {}
    assert not {"docs/own.md", "handbook/own.md"} & {change["path"] for change in done.data["files"]["removed"]}
    listed = look(path, "ls-files").splitlines()
    assert {"handbook/own.md", "handbook/deeper/own.md", "docs/moved.md"} <= {*listed}
    assert not {"handbook/moved.md", "docs/own.md", "docs/deeper/own.md"} & {*listed}


def test_files_of_a_team_stay_where_they_are_when_the_team_wants_no_file_in_the_place_of_their_directory(
    tmp_path: Path,
) -> None:
    path = tmp_path / "repository"
    shutil.copytree(fresh(1, 1), path)
    git(path, "rm", "--quiet", "zone/a.md")
    (path / "zone" / "own.md").write_text("own\n")
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "--message", "Work")
    with pytest.MonkeyPatch.context() as patch:
        use_templates(workplace() / "templates2", patch)  # Its zone/a.md is the file zone.
        done = command("update", path, "--no-lock", "--json")
    assert done.code == 0, done.err
    assert done.data["kept_deletions"] == ["zone"]
    assert done.data["followed"] == {}
    listed = look(path, "ls-files").splitlines()
    assert "zone/own.md" in listed
    assert not {"zone", "own.md"} & {*listed}
