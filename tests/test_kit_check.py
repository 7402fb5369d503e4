"""`kit check`: what it finds in a kit, by file and line, and that it finds nothing in a good one."""

import json
import shutil
from pathlib import Path

import pytest
from kit_team import HARBOUR
from repositories import command

CI = "level1/github/.github/workflows/ci.yml.jinja"
DOCS = "level1/project/docs/harbour.md.jinja"
EXTENDS = '{{% extends "level1/{}" %}}\n'


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """A copy of the good kit."""
    place = tmp_path / "kit"
    shutil.copytree(HARBOUR, place)
    return place


def append(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + text)


def test_nothing_is_wrong_with_a_good_kit(kit: Path) -> None:
    """Each level with each task, each other choice once, and texts that some formats take for something else."""
    done = command("kit", "check", kit)
    projects = 4 * 2 + 4 + 3 + 2 + 1
    assert done.out == f"harbour 1.0.0: {projects} projects were rendered, of level 1, 2, 3, 4. Nothing is wrong.\n"
    assert done.code == 0


LINE = len((HARBOUR / DOCS).read_text().splitlines()) + 1
KIT_LINES = (HARBOUR / "kit.toml").read_text().splitlines()

DESCRIPTION = 'description = "Machine learning at Harbour."\n'

MISTAKES = {
    "unknown variable": (DOCS, "{= cost_center =}\n", f"{DOCS}:{LINE}: There is no variable cost_center. There are: "),
    "unknown variable in a branch that nothing takes": (
        DOCS,
        "{% if package_name == 'nobody' %}\n{= cost_center =}\n{% endif %}\n",
        f"{DOCS}:{LINE + 1}: There is no variable cost_center.",
    ),
    "grammar": (DOCS, "\n{% if %}\n", f"{DOCS}:{LINE + 1}: It is no template: Expected an expression"),
    "unknown filter": (DOCS, "{= cost_centre | upcase =}\n", f"{DOCS}:{LINE}: It is no template: No filter named"),
    "what fails only when it is rendered": (
        DOCS,
        "{= cost_centre.owner =}\n",
        f"{DOCS}:{LINE}: The template {DOCS} (line {LINE}) can't be rendered: ",
    ),
    "unknown block": (
        CI,
        "{% block lint_step %}\n{% endblock %}\n",
        f"{CI}:6: No file below has a block lint_step, so this text would be left out. There are: build_steps, jobs, ",
    ),
    "hidden text of a higher level": (
        "level1/project/SECURITY.md.jinja",
        EXTENDS.format("project/SECURITY.md.jinja") + "{% block secrets %}, tokens{% endblock %}\n",
        "level1/project/SECURITY.md.jinja:2: From level 2 on the block secrets has a text, and this one hides it.",
    ),
    "no YAML": (
        CI,
        "{% block jobs %}\n: - {\n{% endblock %}\n",
        f"{CI}: What it gives, .github/workflows/ci.yml, can't be read: line ",
    ),
    "no TOML": ("level1/project/config/harbour.toml", "a = [\n", "level1/project/config/harbour.toml: What it gives, "),
    "no Python": ("level2/project/tools/x.py", "def f(:\n", "level2/project/tools/x.py: What it gives, tools/x.py, "),
    "no JSON": ("level2/project/x.json", '{"a": 1, "a": 2}', "x.json, can't be read: the key 'a' is there twice"),
    "no workflow": (
        CI,
        "{% block jobs %}\n  more:\n    runs-on: ubuntu-24.04\n    needs: no\n    steps: []\n{% endblock %}\n",
        f"{CI}: What it gives, .github/workflows/ci.yml, is no workflow as GitHub wants it, in line ",
    ),
    "a text that depends on the way": (
        "level1/project/src/{= package_name =}/level.py.jinja",
        "LEVEL = {= level =}\n",
        "is not the same in a repository at level 1 and made at level 2 as in a new one: its text depends on the way.",
    ),
    "first files above level 1": (
        "level2/project/src/{= package_name =}/more.py",
        "MORE = 1\n",
        "more.py of the kit is one of a team's own files, src/my_ml_project/more.py. Those are given once, by `new`: ",
    ),
    "two names of one file": ("level2/project/readme.MD", "Read me.\n", "where README.md is. Give it another name."),
    "a file where a folder is": ("level1/project/docs.jinja", "Docs\n", "docs/"),
    "our own state": ("level1/project/.mlops-scaffold/manifest", "", "which mlops-scaffold keeps. Leave it out."),
    "no folder that is read": ("level1/gitlab/x.yml", "a: 1\n", "In level1/ these are: project, classification, "),
    "no level": ("level7/project/x.md", "x\n", "level7/project/x.md of the kit is at no level that there is."),
    "a random text": (DOCS, "{= [1, 2] | random =}\n", f"{DOCS}:{LINE}: It is no template: No filter named 'random'"),
    "another file": (
        "level1/project/SECURITY.md.jinja",
        EXTENDS.format("project/README.md.jinja"),
        "level1/project/SECURITY.md.jinja:1: It extends level1/project/README.md.jinja, which is another file.",
    ),
    "a text outside of blocks": (CI, "\n# ours\n", f"{CI}:7: This is outside of blocks"),
    "a text before it extends": (
        "level1/project/SECURITY.md.jinja",
        "Ours\n" + EXTENDS.format("project/SECURITY.md.jinja"),
        "level1/project/SECURITY.md.jinja:1: This is outside of blocks",
    ),
    "first files that depend on a later question": (
        "level1/project/src/{= package_name =}/call.py.jinja",
        "\nCALL = {= on_call =}\n",
        "call.py.jinja:2: It is given once, by new, and depends on on_call",
    ),
    "a text that YAML reads otherwise": (
        "level1/project/config/own.yml.jinja",
        "centre: {= cost_centre =}\n",
        "config/own.yml, can't be read: line 1: mapping values are not allowed here (with texts such as It's a: b",
    ),
    "a level that is written otherwise": (
        "Level-4/project/x.md",
        "x\n",
        "Level-4/project/x.md of the kit is at no level",
    ),
    "a path that adds a number and a text": (
        "level1/project/docs/{= level + project_name =}.md",
        "x\n",
        "{= level + project_name =}.md can't be rendered: ",
    ),
    "a name that is too long": (f"level1/project/{'é' * 101}.md", "x\n", "is too long or can't be printed"),
    "an address in memory": (
        DOCS,
        "{= range =}{= '%s' % range =}\n",
        "holds an address in memory, which is another one",
    ),
    "kit.toml: unknown question": (
        "kit.toml",
        "\n[questions.task]\nhelp = 'x'\ndefault = 'y'\n",
        f"kit.toml:{len(KIT_LINES) + 2}: task is a question that exists already.",
    ),
    "kit.toml: no TOML": (
        "kit.toml",
        "= 1\n",
        f"kit.toml is not TOML: Invalid statement (at line {len(KIT_LINES) + 1}",
    ),
    "kit.toml: unknown setting": (
        "kit.toml",
        "\n[tasks]\na = 'b'\n",
        f"kit.toml:{len(KIT_LINES) + 2}: tasks is no setting of a kit.",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(mistake: str, kit: Path) -> None:
    name, text, expected = MISTAKES[mistake]
    # Two levels are soon rendered; the line is another one's, so that those below stay where they are.
    toml = (kit / "kit.toml").read_text()
    assert DESCRIPTION in toml
    (kit / "kit.toml").write_text(toml.replace(DESCRIPTION, "levels = { allowed = [1, 2] }\n"))
    append(kit / name, text)
    done = command("kit", "check", kit)
    assert expected in done.out + done.err
    assert done.code in (1, 3), "a kit with a mistake must not pass"
    assert "Traceback" not in done.err


ANSWERS = {
    "an answer that is no choice": (
        'license = "Proprietary"',
        'license = "GPL"',
        "GPL is not a choice for license. Choose one of: MIT, Apache-2.0, BSD-3-Clause, Proprietary.",
    ),
    "a lock on an unknown question": (
        'python_version = "3.12"',
        'pyton_version = "3.12"',
        "There is no question called pyton_version.",
    ),
    "an answer of another type": ("default = false", "default = 3.5", "questions.on_call.default"),
    "a default that is no choice": ('default = "internal"', 'default = "none"', "none is not a choice for data_class."),
    "a level that is none": ("[answers]", "[levels]\nallowed = [1, 6]\n[answers]", "There is no level 6."),
    "a number with a point": ('license = "Proprietary"', "license = 3.12", "license is 3.12. Write text in quotes"),
    "a number for a text": (
        'license = "Proprietary"',
        "license = 3",
        "license is 3, and must be text; write it in quotes.",
    ),
    "a list for a table": ("[answers]", "answers = []\n[questions]", "answers must be a table, [answers]."),
    "suggested and locked": (
        'author_name = "Harbour ML"',
        'python_version = "3.12"',
        "python_version is in [answers] too.",
    ),
    "no name": ('name = "harbour"', "", "name is missing. Add it."),
    "a name with spaces": (
        'name = "harbour"',
        'name = "Our kit"',
        "name is 'Our kit'. It holds lower-case letters and digits",
    ),
    "the level": ('license = "Proprietary"', "level = 2", "The level is set by [levels] allowed."),
}


@pytest.mark.parametrize("mistake", ANSWERS)
def test_a_mistake_in_kit_toml_is_found_with_its_line(mistake: str, kit: Path) -> None:
    old, new, expected = ANSWERS[mistake]
    text = (kit / "kit.toml").read_text()
    assert text.count(old) == 1
    (kit / "kit.toml").write_text(text.replace(old, new))
    done = command("kit", "check", kit)
    assert done.code == 3
    (sentence,) = [line for line in done.err.splitlines() if expected in line]
    number = int(sentence.split("kit.toml:")[1].split(":")[0])
    assert number == 1 or text.replace(old, new).splitlines()[number - 1] in new.splitlines()


def test_a_lock_that_a_file_of_the_kit_breaks_is_found(kit: Path) -> None:
    whole = '[project]\nname = "{= distribution_name =}"\nrequires-python = ">=3.11"\n'
    (kit / "level1/project/pyproject.toml.jinja").write_text(whole)
    done = command("kit", "check", kit)
    assert done.code == 1
    said = "python_version is locked to 3.12, and pyproject.toml says requires-python = '>=3.11'."
    assert f"level1/project/pyproject.toml.jinja: {said}" in done.out


def test_a_kit_can_not_say_that_nothing_is_wrong(kit: Path) -> None:
    """What a template names is shown in one line, whatever it holds."""
    lie = "harbour 1.0.0: 18 projects were rendered, of level 1, 2, 3, 4. Nothing is wrong."
    append(kit / "level1/project/a.md.jinja", f'{{% include "x\\n{lie}\\n" %}}\n')
    append(kit / "level1/project/b.md.jinja", '{% include "x" ~ ("\\n" * 300000) %}\n')
    done = command("kit", "check", kit)
    assert done.code == 1
    assert lie not in done.out.splitlines()
    assert len(done.out.splitlines()) < 10
    assert max(map(len, done.out.splitlines())) < 2000


def test_a_file_of_very_many_answers_is_not_gone_through(kit: Path) -> None:
    append(kit / "kit.toml", "".join(f'[questions.q{n}]\nhelp = "x"\ndefault = "x"\n' for n in range(1400)))
    done = command("kit", "show", kit)
    assert done.code == 3
    assert "questions has more than 60 entries. Leave some out." in done.err


def test_several_mistakes_are_told_at_once(kit: Path) -> None:
    append(kit / DOCS, "{= one =}\n")
    append(kit / "level2/project/docs/more.md.jinja", "{= two =}\n{= three =}\n")
    done = command("kit", "check", kit, "--json")
    assert done.code == 1
    found = json.loads(done.out)
    assert {(one["file"], one["line"]) for one in found["findings"]} >= {
        (DOCS, LINE),
        ("level2/project/docs/more.md.jinja", 1),
        ("level2/project/docs/more.md.jinja", 2),
    }
    assert found["errors"] == len(found["findings"])


def test_a_whole_file_in_the_place_of_a_built_in_one_is_noted(kit: Path) -> None:
    append(kit / "level1/project/docs/roles.md", "# Roles\n\nAsk Ada.\n")
    done = command("kit", "check", kit)
    assert done.code == 0
    note = "note: It stands in place of a built-in file that level 2 and 3 and 4 changes, and hides that."
    assert f"level1/project/docs/roles.md: {note}" in done.out
    for level in (2, 3, 4):
        append(kit / f"level{level}/project/docs/roles.md", "# Roles\n\nAsk Ada.\n")
    assert "note: " not in command("kit", "check", kit).out


def test_show_tells_what_a_kit_does(kit: Path) -> None:
    shown = command("kit", "show", kit).out
    for line in (
        "  python_version  3.12",
        "  author_name  Harbour ML",
        "  data_class   How secret is its data? [public, internal, secret] (default: internal)",
        "  on_call      Is somebody on call at night? (default: False, from level 3 on)",
        "  docs/harbour.md    from level 1 on, again at 2",
    ):
        assert line in shown.splitlines()
    data = json.loads(command("kit", "show", kit, "--json").out)
    does = {one["path"]: one["does"] for one in data["files"]}
    assert does["README.md"] == "extends"
    assert does["docs/incidents.md"] == "adds"
    assert data["locked"]["python_version"] == "3.12"
