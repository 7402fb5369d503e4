"""Templates of released versions: packed by the build, read by an installed package and by a source checkout."""

import json
import os
import random
import shutil
import subprocess
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from releases import (
    VERSIONS,
    Built,
    add,
    build,
    commit,
    copy_product,
    install,
    make_releases,
    release,
    run_from,
    templates_at,
)
from support import uv
from workflows.tools import git

from mlops_scaffold.history import order
from mlops_scaffold.tree import File

BUNDLE = "mlops_scaffold/history.bundle"

Facts = dict[str, tuple[str, str]]
"""Path → mode and blob id."""

ASK = """
import json, sys
from mlops_scaffold import history
from mlops_scaffold.errors import ScaffoldError
try:
    trees = {version: history.templates_of(version) for version in sys.argv[1:]}
    answer = {
        version: None if tree is None else {path: (file.mode, file.blob_id) for path, file in tree.items()}
        for version, tree in trees.items()
    }
    print(json.dumps({"package": history.__file__, "versions": history.versions(), "templates": answer}))
except ScaffoldError as error:
    sys.exit(f"{error.exit_code} {error}")
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three releases; the work tree is at the last."""
    return make_releases(tmp_path_factory.mktemp("releases") / "mlops-scaffold")


@pytest.fixture(scope="module")
def at_tags(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Facts]:
    """The template files that a clone has at each tag."""
    place = tmp_path_factory.mktemp("clones")
    return {version: facts(templates_at(repository, version, place / version)) for version in VERSIONS}


@pytest.fixture(scope="module")
def built(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The source distribution of the last release, and the wheel made of it."""
    before = everything_in(repository)
    temporary = tmp_path_factory.mktemp("temporary")
    done = build(repository, tmp_path_factory.mktemp("dist"), TMPDIR=str(temporary))
    assert everything_in(repository) == before, "the build has left something in the checkout"
    assert not list(temporary.glob("template-history-*"))
    return done


@pytest.fixture(scope="module")
def site(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where that wheel is installed."""
    return install(built.wheel, tmp_path_factory.mktemp("site"))


def facts(tree: dict[str, File]) -> Facts:
    return {path: (file.mode, file.blob_id) for path, file in tree.items()}


def everything_in(directory: Path) -> dict[str, bytes]:
    """Every file, git's own too; Python caches the hook's byte code."""
    files = (path for path in directory.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path): path.read_bytes() for path in files}


@dataclass(frozen=True, kw_only=True)
class Known:
    """What `versions` says, and what `templates_of` answers to each version that was asked for."""

    versions: list[str]
    templates: dict[str, Facts | None]


def ask(site: Path, cwd: Path, *versions: str) -> Known:
    """Ask the package in a directory."""
    done = run_from(site, "-c", ASK, *versions, cwd=cwd)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["package"].startswith(str(site)), "another package was imported"
    templates = {
        version: tree and {path: (mode, blob) for path, (mode, blob) in tree.items()}
        for version, tree in answer["templates"].items()
    }
    return Known(versions=answer["versions"], templates=templates)


def bundle_of(archive: Path) -> bytes | None:
    """The bundle in a wheel or a source distribution."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(BUNDLE) if BUNDLE in wheel.namelist() else None
    with tarfile.open(archive) as sdist:
        found = [sdist.extractfile(name) for name in sdist.getnames() if name.endswith(f"/src/{BUNDLE}")]
        return found[0].read() if found and found[0] else None


def heads_of(bundle: bytes | None, place: Path) -> dict[str, str]:
    """Reference → commit."""
    assert bundle is not None, "there is no bundle"
    path = place / "some.bundle"
    path.write_bytes(bundle)
    lines = git(place, "bundle", "list-heads", str(path)).splitlines()
    return {name: commit for commit, _, name in (line.partition(" ") for line in lines)}


def unpack(sdist: Path | None, place: Path) -> Path:
    assert sdist is not None
    with tarfile.open(sdist) as archive:
        archive.extractall(place, filter="data")
    (root,) = [path for path in place.iterdir() if path.name.startswith("mlops_scaffold-")]
    return root


def test_the_build_packs_exactly_the_release_tags(built: Built, tmp_path: Path) -> None:
    assert built.sdist is not None
    for archive in (built.wheel, built.sdist):
        assert sorted(heads_of(bundle_of(archive), tmp_path)) == [f"refs/templates/v{version}" for version in VERSIONS]
    assert "templates of earlier releases" not in built.said.lower()


def test_a_bundle_holds_templates_and_nothing_else(built: Built, at_tags: dict[str, Facts], tmp_path: Path) -> None:
    heads = heads_of(bundle_of(built.wheel), tmp_path)
    git(tmp_path, "init", "--quiet", "--bare", "there")
    git(tmp_path / "there", "fetch", "--quiet", str(tmp_path / "some.bundle"), "refs/*:refs/*")
    for version in VERSIONS:
        assert git(tmp_path / "there", "rev-list", "--parents", f"refs/templates/v{version}").split() == [
            heads[f"refs/templates/v{version}"]
        ]
    kinds = git(tmp_path / "there", "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)")
    packed = {line.removeprefix("blob ") for line in kinds.splitlines() if line.startswith("blob")}
    assert packed == {blob for tree in at_tags.values() for _, blob in tree.values()}


def test_another_clone_builds_the_same_bundle_straight_into_a_wheel(
    repository: Path, built: Built, tmp_path: Path
) -> None:
    """Its objects are packed in another way, it is a linked worktree, and a git hook builds it."""
    git(tmp_path, "clone", "--quiet", "--no-local", "--bare", f"file://{repository}", "bare.git")
    git(tmp_path / "bare.git", "-c", "pack.window=0", "repack", "-adfq")
    git(tmp_path / "bare.git", "worktree", "add", "--quiet", str(tmp_path / "tree"), "v0.2.0")
    wheel = build(tmp_path / "tree", tmp_path / "dist", "--wheel", GIT_DIR=str(tmp_path / "nowhere")).wheel
    assert wheel.name.startswith("mlops_scaffold-0.2.0-")
    assert bundle_of(wheel) == bundle_of(built.wheel)


def test_an_installed_package_knows_the_templates_of_each_release(
    site: Path, at_tags: dict[str, Facts], tmp_path: Path
) -> None:
    answer = ask(site, tmp_path, *VERSIONS)
    assert answer == Known(versions=list(VERSIONS), templates={**at_tags})
    assert at_tags["0.1.0"] != at_tags["0.2.0"] != at_tags["0.3.0"]
    assert at_tags["0.2.0"]["level1/project/tools/hello.sh"][0] == "100755"


def test_paths_come_in_the_order_of_the_built_in_templates(site: Path, tmp_path: Path) -> None:
    code = (
        "from mlops_scaffold import history, templates\n"
        "assert list(history.templates_of('0.3.0').items()) == list(templates.built_in().items())"
    )
    done = run_from(site, "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_wheel_from_an_unpacked_source_distribution_takes_its_bundle(built: Built, tmp_path: Path) -> None:
    """Inside of another repository, which has tags like ours, and at the top of one."""
    stranger = tmp_path / "distribution"
    inner = unpack(built.sdist, stranger)
    add(stranger, "templates/level1/project/README.md", "Not ours.\n")
    for place in (stranger, inner):
        git(place, "init", "--quiet")
        commit(place, "templates")
        git(place, "tag", "v0.1.0")
        git(place, "tag", "v9.9.9")
        done = build(inner, tmp_path / f"dist-{place.name}", "--wheel")
        assert bundle_of(done.wheel) == bundle_of(built.wheel)
        assert "templates of earlier releases" not in done.said.lower()


def test_the_source_distribution_needs_no_git(built: Built, tmp_path: Path) -> None:
    source = unpack(built.sdist, tmp_path / "sdist")
    done = build(source, tmp_path / "dist", "--wheel", PATH=without_git(tmp_path))
    assert bundle_of(done.wheel) == bundle_of(built.wheel)


def test_a_clone_without_git_builds_with_a_warning(repository: Path, tmp_path: Path) -> None:
    done = build(repository, tmp_path / "dist", "--wheel", PATH=without_git(tmp_path))
    assert bundle_of(done.wheel) is None
    assert (
        "This build carries no templates of earlier releases: git was not found. Build releases from a full clone."
        in done.said
    )


def test_files_that_are_no_clone_build_with_a_warning(repository: Path, tmp_path: Path) -> None:
    """Neither alone nor inside of another repository."""
    shutil.copytree(repository, tmp_path / "outer/files", ignore=shutil.ignore_patterns(".git"))
    git(tmp_path / "outer", "init", "--quiet")
    git(tmp_path / "outer", "add", "--all")
    git(tmp_path / "outer", "commit", "--quiet", "--message", "Ours, vendored")
    git(tmp_path / "outer", "tag", "v0.1.0")
    done = build(tmp_path / "outer/files", tmp_path / "dist", "--wheel")
    assert bundle_of(done.wheel) is None
    assert "carries no templates of earlier releases" in done.said
    assert "files is not a clone" in done.said


def test_before_the_first_release_there_is_no_bundle_and_no_warning(tmp_path: Path) -> None:
    copy_product(tmp_path / "new")
    git(tmp_path / "new", "init", "--quiet")
    commit(tmp_path / "new", "--all")
    done = build(tmp_path / "new", tmp_path / "dist")
    assert bundle_of(done.wheel) is None
    assert "earlier releases" not in done.said
    assert ask(install(done.wheel, tmp_path / "site"), tmp_path, "0.1.0") == Known(
        versions=[], templates={"0.1.0": None}
    )


def test_what_a_clone_lacks_is_said(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", "shallow")
    shallow = build(tmp_path / "shallow", tmp_path / "dist-shallow", "--wheel")
    assert "this is a shallow clone. Fetch all tags first." in shallow.said
    assert list(heads_of(bundle_of(shallow.wheel), tmp_path)) == ["refs/templates/v0.3.0"]

    git(tmp_path, "clone", "--quiet", "--no-tags", f"file://{repository}", "untagged")
    add(tmp_path / "untagged", "CHANGELOG.md", "\n## [0.2.0] - 2027-01-02\n\n## [0.1.0] - 2027-01-01\n")
    untagged = build(tmp_path / "untagged", tmp_path / "dist-untagged", "--wheel")
    assert "the tags of 0.2.0, 0.1.0 are missing here. Fetch all tags first." in untagged.said
    assert bundle_of(untagged.wheel) is None

    git(repository, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", f"file://{repository}", "blobless")
    blobless = build(tmp_path / "blobless", tmp_path / "dist-blobless", "--wheel")
    assert "This build carries no templates of earlier releases: git says" in blobless.said
    assert bundle_of(blobless.wheel) is None


def test_an_editable_install_makes_no_bundle(repository: Path, tmp_path: Path) -> None:
    words = [uv(), "pip", "install", "--no-deps", "--target", str(tmp_path / "site"), "--editable", str(repository)]
    subprocess.run(words, check=True, capture_output=True)
    assert not list(tmp_path.rglob("history.bundle"))
    assert git(repository, "status", "--porcelain", "--ignored") in ("", "!! __pycache__/\n")


def test_a_source_checkout_uses_its_tags(repository: Path, at_tags: dict[str, Facts], tmp_path: Path) -> None:
    answer = ask(repository / "src", tmp_path, *VERSIONS)
    assert answer == Known(versions=list(VERSIONS), templates={**at_tags})


def test_a_source_checkout_ignores_the_tags_of_a_repository_around_it(repository: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    git(tmp_path, "clone", "--quiet", str(repository), "outer")
    shutil.copytree(repository, outer / "inner", ignore=shutil.ignore_patterns(".git"))
    assert ask(outer / "src", tmp_path).versions == list(VERSIONS)
    assert ask(outer / "inner/src", tmp_path, "0.1.0") == Known(versions=[], templates={"0.1.0": None})


def test_an_unpacked_source_distribution_uses_its_bundle(
    built: Built, at_tags: dict[str, Facts], tmp_path: Path
) -> None:
    source = unpack(built.sdist, tmp_path)
    answer = ask(source / "src", tmp_path, *VERSIONS)
    assert answer == Known(versions=list(VERSIONS), templates={**at_tags})


UNKNOWN = (
    "9.9.9",
    "0.2",
    "0.2.0.dev1",
    "v0.1.0",
    "../x",
    "-x",
    "--help",
    "",
    "0.1.0\n",
    " 0.1.0",
    "0.1.0^{tree}",
    "0.1.0:templates",
    "00.1.0",
    "\u0660.1.0",
    "0.1.0 0.2.0",
    "0.*.0",
    "next",
)


def test_what_is_no_released_version_has_no_templates(repository: Path, site: Path, tmp_path: Path) -> None:
    for place in (site, repository / "src"):
        answer = ask(place, tmp_path, *UNKNOWN)
        assert answer.templates == dict.fromkeys(UNKNOWN)


def test_versions_have_an_order() -> None:
    ascending = ["0.9.0", "0.10.0a1", "0.10.0b1", "0.10.0rc1", "0.10.0rc2", "0.10.0", "0.10.0.post1", "0.10.1", "1.0.0"]
    shuffled = random.Random(0).sample(ascending, len(ascending))
    assert sorted(shuffled, key=lambda version: order(version) or ()) == ascending
    assert order("0.10.0.dev1") is None


@pytest.mark.parametrize("suffix", ["rc1", ".post1"])
def test_build_and_package_agree_on_what_a_release_tag_is(suffix: str, tmp_path: Path) -> None:
    copy_product(tmp_path / "new")
    git(tmp_path / "new", "init", "--quiet")
    release(tmp_path / "new", f"1.2.3{suffix}")
    installed = install(build(tmp_path / "new", tmp_path / "dist", "--wheel").wheel, tmp_path / "site")
    for place in (installed, tmp_path / "new/src"):
        assert ask(place, tmp_path).versions == [f"1.2.3{suffix}"]


@pytest.mark.parametrize("damage", ["cut", "altered", "empty", "other"])
def test_a_damaged_bundle_is_said_in_a_sentence(site: Path, damage: str, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "site")
    bundle = tmp_path / "site" / BUNDLE
    good = bundle.read_bytes()
    middle = len(good) // 2
    altered = good[:middle] + bytes([good[middle] ^ 255]) + good[middle + 1 :]
    bundle.write_bytes({"cut": good[:middle], "altered": altered, "empty": b"", "other": b"PK\n\n"}[damage])
    done = run_from(tmp_path / "site", "-c", ASK, "0.1.0", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        f"3 The templates of earlier versions in {bundle} are damaged. Install mlops-scaffold again.\n"
    )


def test_a_link_among_the_templates_is_refused(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(repository), "clone")
    (tmp_path / "clone/templates/link").symlink_to("/etc/passwd")
    commit(tmp_path / "clone", "templates")
    git(tmp_path / "clone", "tag", "v0.5.0")
    done = run_from(tmp_path / "clone/src", "-c", ASK, "0.5.0", cwd=tmp_path)
    assert done.stderr.startswith("70 The templates of version 0.5.0 hold link, which is not a file.")


def test_without_git_an_installed_package_says_so(site: Path, tmp_path: Path) -> None:
    done = run_from(site, "-c", ASK, "0.1.0", cwd=tmp_path, PATH=str(tmp_path))
    assert done.stderr.startswith("3 Git can't be started")


def test_a_settings_file_of_the_user_changes_nothing(
    site: Path, at_tags: dict[str, Facts], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "config"
    settings.write_text(
        "[init]\n\tdefaultObjectFormat = sha256\n\ttemplateDir = /nowhere\n[transfer]\n\tfsckObjects = true\n"
        "[core]\n\tautocrlf = true\n\tquotePath = true\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_DEFAULT_HASH", "sha256")
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    assert ask(site, tmp_path, "0.1.0").templates["0.1.0"] == at_tags["0.1.0"]


def test_a_release_adds_little_to_the_bundle(tmp_path: Path) -> None:
    """Forty releases, each with five edited files and a new one, cost less than half of a single one more."""
    repository = tmp_path / "many"
    copy_product(repository)
    git(repository, "init", "--quiet")
    chance = random.Random(4)
    release(repository, "0.1.0")
    alone = bundle_of(build(repository, tmp_path / "dist-1", "--wheel").wheel) or b""
    texts = [path for path in sorted((repository / "templates").rglob("*")) if path.suffix in (".jinja", ".md", ".py")]
    for number in range(2, 41):
        for path in chance.sample(texts, 5):
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
            lines.insert(chance.randrange(len(lines) + 1), f"Since release {number}: {chance.random()}.\n")
            path.write_text("".join(lines), encoding="utf-8")
        add(repository, f"templates/level1/project/docs/page{number}.md", f"# Page {chance.random()}\n" * 10)
        release(repository, f"0.{number}.0")
    all_of_them = bundle_of(build(repository, tmp_path / "dist-40", "--wheel").wheel) or b""
    assert len(heads_of(all_of_them, tmp_path)) == 40
    assert len(all_of_them) < 1.5 * len(alone)


def without_git(tmp_path: Path) -> str:
    """A PATH on which there is nothing but uv."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "uv").symlink_to(uv())
    return os.fspath(folder)
