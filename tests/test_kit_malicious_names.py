"""Kits are untrusted: names that lead out of the project, links, and things that are no files."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from repositories import command, small, small_root
from strange_kits import QUESTION, TOML, Objects, Stage, assert_nothing_made, assert_refused, stage

__all__ = ["small", "small_root", "stage"]

GIT_KNOWS = [b"..", b".", b".git", b".GIT", b"git~1", b".g\xe2\x80\x8cit", b"a/b"]
"""Names that git itself finds in what it fetches."""

WE_KNOW = [
    *(b".gitmodules", b".GitModules", b"gitmod~1", b"a\\b", b"\\\\host\\share", b"C:note", b"note:stream", b"con"),
    *(b"AUX.txt", b"com1.md", "COM¹".encode(), b"CONIN$", b"note.", b"note ", b" note", b"a?b", b"x" * 250),
    *(b"\x1b[2Jnote", b"a\nb", b"\xff\xfe", "txt\u202edm".encode(), "a\u200cb".encode()),
]


@pytest.mark.parametrize("name", [*GIT_KNOWS, *WE_KNOW], ids=ascii)
def test_a_name_that_is_none_of_a_project(stage: Stage, name: bytes) -> None:
    objects = Objects(stage.root / "repository")
    assert_refused(stage.new(objects.kit(("100644", name, objects.blob()))))
    assert_nothing_made(stage)


@pytest.mark.parametrize("name", GIT_KNOWS[:4], ids=ascii)
def test_a_folder_that_is_none_of_a_project(stage: Stage, name: bytes) -> None:
    objects = Objects(stage.root / "repository")
    folder = objects.tree(("100644", "note.md", objects.blob()))
    assert_refused(stage.new(objects.kit(("40000", name, folder))))
    assert_nothing_made(stage)


@pytest.mark.parametrize("name", WE_KNOW[:14], ids=ascii)
def test_the_same_names_in_a_folder(stage: Stage, name: bytes) -> None:
    done = stage.new(stage.kit({f"level1/project/{os.fsdecode(name)}/note.md": "A note.\n"}))
    assert_refused(done, "of the kit can't be written to")
    assert_nothing_made(stage)


TAKEN = {
    ".mlops-scaffold/manifest": "mlops-scaffold keeps",
    ".mlops-scaffold/project.yml": "mlops-scaffold keeps",
    ".mlops-scaffold/project.yml.jinja": "mlops-scaffold keeps",
    ".MLOps-Scaffold/extra": "mlops-scaffold keeps",
    ".mlop\u017f-scaffold/manifest": "mlops-scaffold keeps",
    "uv.lock": "mlops-scaffold keeps",
    "UV.LOCK": "mlops-scaffold keeps",
    "uv.loc\u212a": "mlops-scaffold keeps",
    ".venv/bin/python": "uv runs",
    ".git/hooks/post-commit": "git would take it",
    ".git/config": "git would take it",
    ".gitmodules": "git would take it",
    "docs/.git/config": "git would take it",
    "readme.md": "where README.md is",
    "DOCS/other.md": "where docs/ is",
    "docs": "where docs/ is",
    "README.md/inside.md": "where README.md is",
    "src/{= package_name =}/../../../outside/marker": "outside the project",
    "{= '..' =}/outside/marker": "outside the project",
    "{= '.git' =}/hooks/post-commit": "git would take it",
    "{= '.g' =}{= 'it' =}/hooks/post-commit": "git would take it",
    "{# a note #}../outside/marker": "outside the project",
    "{= 'a\\x2f..\\x2f..' =}/outside/marker": "outside the project",
    "{= '\\x1b[2J' =}": "can't be printed",
    "{% include 'etc' %}": "can't be rendered",
}


@pytest.mark.parametrize("path", TAKEN, ids=ascii)
def test_a_path_that_is_not_for_kits(stage: Stage, path: str) -> None:
    objects = Objects(stage.root / "repository")
    entry = ("100644", "", objects.blob())
    for name in reversed(path.split("/")):
        entry = ("40000" if entry[1] else "100644", name, objects.tree(entry) if entry[1] else entry[2])
    done = stage.new(objects.kit(entry))
    said = "contains '.git'" if path.startswith(".git/") or "/.git/" in path else TAKEN[path]
    assert_refused(done, "contains '..'" if "/../" in path else said)
    assert_nothing_made(stage)


@pytest.mark.parametrize("second", ["Cafe\u0301.md", "caf\u00c9.md", "caf\u00e9.md/inside.md"], ids=ascii)
def test_two_files_of_a_kit_that_many_machines_take_for_one(stage: Stage, second: str) -> None:
    objects = Objects(stage.root / "repository")
    name, _, inside = second.partition("/")
    other = ("100644", name, objects.blob())
    if inside:
        other = ("40000", name, objects.tree(("100644", inside, objects.blob())))
    first = ("100644", "{= 'caf\u00e9.md' =}", objects.blob())
    done = stage.new(objects.kit(*sorted([first, other], key=lambda entry: entry[1].encode())))
    assert_refused(done, "Give it another name")
    assert_nothing_made(stage)


ANSWERS = {
    "../x": "outside the project",
    "a/b": "outside the project",
    "..": "outside the project",
    ".": "outside the project",
    "/etc": "outside the project",
    ".git": "git would take it",
    ".GIT": "git would take it",
    "git~1": "no name of a file",
    "con": "no name of a file",
    "a:b": "no name of a file",
    "x.": "no name of a file",
    "x" * 160 + "{= 1 =}": "longer than 160",
    "": "it is empty",
    " ": "it is empty",
    "a\nb": "can't be printed",
    "a\x1b[2J": "can't be printed",
    "a\\b": "Leave out quotes",
    "a\u200cb": "can't be printed",
}
WRONG = ("longer", "it is empty", "can't be printed", "Leave out")


@pytest.mark.parametrize("answer", ANSWERS, ids=ascii)
def test_an_answer_that_becomes_part_of_a_path(stage: Stage, answer: str) -> None:
    kit = stage.kit({"level1/project/{= cost_center =}/hooks/post-commit": "#!/bin/sh\n"}, TOML + QUESTION)
    done = stage.new(kit, "-d", f"cost_center={answer}")
    assert_refused(done, ANSWERS[answer], code=2 if ANSWERS[answer].startswith(WRONG) else 3)
    assert_nothing_made(stage)


def _links(target: str) -> dict[str, Callable[[Path], None]]:
    def linked(name: str) -> Callable[[Path], None]:
        def make(kit: Path) -> None:
            (kit / name).parent.mkdir(parents=True, exist_ok=True)
            (kit / name).symlink_to(target)

        return make

    names = ("level2", "level1/project/link.md", "level1/project/a/b/c/link", "level1/github")
    return {f"{name} to {target}": linked(name) for name in names}


def _moved(name: str) -> Callable[[Path], None]:
    def make(kit: Path) -> None:
        (kit / name).rename(kit / "elsewhere")
        (kit / name).symlink_to("elsewhere")

    return make


def _pipe(name: str) -> Callable[[Path], None]:
    def make(kit: Path) -> None:
        (kit / name).unlink(missing_ok=True)
        os.mkfifo(kit / name)

    return make


def _socket(kit: Path) -> None:
    with pytest.MonkeyPatch.context() as patch, socket.socket(socket.AF_UNIX) as made:
        patch.chdir(kit / "level1" / "project")
        made.bind("socket")


STRANGE: dict[str, Callable[[Path], None]] = {
    **{name: make for target in ("/etc/passwd", "/etc", "..", "nowhere") for name, make in _links(target).items()},
    "a link to itself": lambda kit: (kit / "level1/project/loop").symlink_to("loop"),
    "kit.toml as a link": _moved("kit.toml"),
    "level1 as a link": _moved("level1"),
    "a pipe": _pipe("level1/project/pipe"),
    "kit.toml as a pipe": _pipe("kit.toml"),
    "a socket": _socket,
    "level2 as a file": lambda kit: (kit / "level2").touch(),
}


@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_plain_file_in_a_folder(stage: Stage, name: str) -> None:
    kit = stage.kit()
    STRANGE[name](kit)
    for done in (command("kit", "show", kit), stage.new(kit)):
        assert_refused(done, "of the kit")
    assert_nothing_made(stage)


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() != 0, reason="only root makes devices")
def test_a_device_in_a_folder(stage: Stage) -> None:
    kit = stage.kit()
    os.mknod(kit / "level1" / "project" / "zero", 0o20600, os.makedev(1, 5))
    assert_refused(stage.new(kit), "level1/project/zero of the kit is no file")


@pytest.mark.parametrize("what", ["link", "submodule", "kit.toml", "level1", "level2 as a file"])
def test_what_is_no_plain_file_in_a_repository(stage: Stage, what: str) -> None:
    objects = Objects(stage.root / "repository")
    target, project = objects.blob("/etc"), objects.tree(("100644", "a.md", objects.blob()))
    level = objects.tree(("40000", "project", project))
    toml, folder = ("100644", "kit.toml", objects.blob(TOML)), ("40000", "level1", level)
    url = {
        "link": lambda: objects.kit(("120000", "a", target)),
        "submodule": lambda: objects.kit(("160000", "a", "1" * 40)),
        "kit.toml": lambda: objects.commit(("120000", "kit.toml", target), folder),
        "level1": lambda: objects.commit(toml, ("120000", "level1", target)),
        "level2 as a file": lambda: objects.commit(toml, folder, ("100644", "level2", objects.blob())),
    }[what]()
    assert_refused(stage.new(url), "of the kit")
    assert_nothing_made(stage)


def test_submodules_beside_the_layers_are_never_cloned(stage: Stage) -> None:
    other = Objects(stage.root / "other").commit(("100644", "note.md", Objects(stage.root / "more").blob()))
    objects = Objects(stage.root / "repository")
    modules = objects.blob(f'[submodule "evil"]\n\tpath = evil\n\turl = {other}\n')
    url = objects.kit(
        ("100644", "note.md", objects.blob()),
        root=[("160000", "evil", "1" * 40), ("100644", ".gitmodules", modules)],
    )
    team = stage.made(url)
    assert not (team.path / ".gitmodules").exists()
    assert team.read("note.md") == "A note.\n"


def test_submodules_that_name_programs(stage: Stage) -> None:
    objects = Objects(stage.root / "repository")
    text = f'[submodule "evil"]\n\tpath = evil\n\turl = ext::{stage.attack}\n\tupdate = !{stage.attack}\n'
    root = [("160000", "evil", "1" * 40), ("100644", ".gitmodules", objects.blob(text))]
    assert_refused(stage.new(objects.kit(("100644", "note.md", objects.blob()), root=root)), "gitmodules")


def test_files_of_copier_in_a_kit_are_files_and_no_more(stage: Stage) -> None:
    evil = f'_tasks: ["{stage.attack}"]\n_migrations: [{{command: "{stage.attack}"}}]\n_jinja_extensions: [os.system]\n'
    names = ("copier.yml", ".copier-answers.yml", "level1/project/copier.yml", "level1/project/.copier-answers.yml")
    team = stage.made(stage.kit(dict.fromkeys(names, evil)))
    assert team.read("copier.yml") == team.read(".copier-answers.yml") == evil
    assert team.upgrade().code == 0


def test_a_link_in_a_repository_does_not_lead_an_upgrade_out(stage: Stage) -> None:
    team = stage.made(stage.kit({"level2/project/new/marker": "A note.\n"}))
    (team.path / "new").symlink_to(stage.root / "outside")
    team.commit()
    assert team.upgrade().code in (1, 3)
