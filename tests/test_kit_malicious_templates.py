"""Kits are untrusted: what their templates and their `kit.toml` try."""

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from repositories import command, put, small, small_root
from strange_kits import (
    NOTE,
    QUESTION,
    TIGHT,
    TOML,
    Stage,
    assert_nothing_made,
    assert_refused,
    children,
    running,
    stage,
)

from mlops_scaffold import bounded
from mlops_scaffold.processes import Bounds

__all__ = ["small", "small_root", "stage"]

ESCAPES = {
    "classes": "{= ''.__class__.__mro__[1].__subclasses__() =}",
    "globals of the template": "{= self.__init__.__globals__ =}",
    "globals of a class": "{= cycler.__init__.__globals__.os.popen('@') =}",
    "globals of a function": "{= range.__globals__ =}",
    "a filter": "{= '' | attr('__class__') =}",
    "a filter's name": "{= ('' | attr('__cl' ~ 'ass__')).mro() =}",
    "format": "{= '{0.__class__}'.format(1) =}",
    "format by a filter": "{= ('{0.__class__}' | attr('format'))(1) =}",
    "format_map": "{= '{a.__class__}'.format_map({'a': 1}) =}",
    "format as a value": "{= ['{0.__class__}'.format] | map('string') | first | attr('__self__') =}",
    "a namespace": "{% set space = namespace() %}{% set space.__class__ = 1 %}{= space.__class__ =}",
    "a frame": "{% set one = [1] | map('string') %}{= one.gi_frame.f_back =}",
    "an unsafe item": "{= (''['__class__'])['__mro__'] =}",
    "the module of Jinja": "{= joiner.__module__.__class__ =}",
    "the environment": "{= environ.HOME =}",
    "an extension": "{% do [].append(1) %}",
    "a file": "{% include '/etc/passwd' %}",
    "a file further up": "{% include '../../../../../../etc/passwd' %}",
    "a template of another kind": "{% import '/etc/passwd' as secrets %}",
    "a module": "{% import 'os' as os %}{= os.system('@') =}",
    "itself": "{% extends 'kit-level1/project/note.md.jinja' %}",
    "itself, included": "{% include 'kit-level1/project/note.md.jinja' %}",
    "what is not below": "{% extends 'level1/project/note.md.jinja' %}",
    "a macro without an end": "{% macro again() %}{= again() =}{% endmacro %}{= again() =}",
    "a range": "{= range(10 ** 9) | list =}",
    "parentheses": "{= " + "(" * 100_000 + "1" + ")" * 100_000 + " =}",
    "signs": "{= " + "-" * 50_000 + "1 =}",
    "brackets": "{= " + "[" * 150 + "]" * 150 + " =}",
    "conditions": "{% if 1 %}" * 5000 + "{% endif %}" * 5000,
    "openings": "{=" * 450_000,
    "a long message": "{= {}['a' * 10 ** 7] =}",
    "a message that a terminal obeys": "{= {}['\\x1b[2J' ~ '\\x9b2J'] =}",
}


@pytest.mark.parametrize("name", ESCAPES)
def test_a_template_reaches_nothing_but_the_answers(stage: Stage, name: str) -> None:
    done = stage.new(stage.kit({NOTE: ESCAPES[name].replace("@", stage.attack)}))
    assert_refused(done, "kit")
    assert_nothing_made(stage)


def test_kit_check_names_the_file_and_the_line(stage: Stage) -> None:
    shallow = [text for name, text in ESCAPES.items() if len(text) < 1000 and name != "brackets"]
    texts = [f"One.\n\n{text.replace('@', stage.attack)}\n" for text in shallow]
    done = command("kit", "check", stage.kit({f"level1/project/{n}.md.jinja": text for n, text in enumerate(texts)}))
    assert done.code == 1, done.err
    lines = done.out.splitlines()
    assert all(line.isprintable() and len(line) < 1500 for line in lines)
    for number, text in enumerate(texts):
        assert any(line.startswith(f"level1/project/{number}.md.jinja:3: ") for line in lines), text


def test_kit_check_finds_a_project_that_is_too_large(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "BOUNDS", Bounds(seconds=20, memory=2_000_000_000, file=0))
    assert command("kit", "check", stage.kit({NOTE: BOMBS["more than a project may have"]})).code != 0


def test_templates_that_extend_each_other_in_a_circle(stage: Stage) -> None:
    text = "{% extends 'kit-level1/project/@.md.jinja' %}"
    files = {f"level1/project/{a}.md.jinja": text.replace("@", b) for a, b in ("ab", "ba")}
    assert_refused(stage.new(stage.kit(files)), "can't be rendered")


BOMBS = {
    "loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "a power": "{= (9 ** (9 ** 9)) % 7 =}",
    "a product": "{= 'a' * 10 ** 10 =}",
    "a width": "{= '%9999999999d' % 1 =}",
    "a smaller width": "{= '%999999999d' % 1 =}",
    "a width in format": "{= '{:999999999}'.format(1) =}",
    "a centre": "{= 'a' | center(10 ** 10) =}",
    "an indent": "{= ('a\n' * 10 ** 5) | indent(10 ** 5) =}",
    "doubling": "{% set n = namespace(s='a') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}",
    "a list": "{= [0] * 10 ** 9 =}",
    "output": "{% for a in range(99999) %}{= 'a' * 10 ** 6 =}{% endfor %}",
    "more than a project may have": "{% for a in range(30) %}{= 'a' * 10 ** 6 =}{% endfor %}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_template_without_an_end(stage: Stage, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "BOUNDS", TIGHT)
    begun = time.monotonic()
    done = stage.new(stage.kit({NOTE: BOMBS[name]}))
    assert_refused(done, "kit")
    assert time.monotonic() - begun < 8 * TIGHT.seconds
    assert_nothing_made(stage)


@pytest.mark.parametrize("verb", ["check", "new", "status", "upgrade"])
def test_every_command_is_bounded(stage: Stage, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kit = stage.kit()
    team = stage.made(kit) if verb in ("status", "upgrade") else None
    put(kit / f"level1/project/{BOMBS['loops']}.md", "A note.\n")
    monkeypatch.setattr(bounded, "BOUNDS", TIGHT)
    if team and verb == "status":
        assert team.status()["level"] == 1
        return
    done = team.upgrade() if team else command("kit", "check", kit) if verb == "check" else stage.new(kit)
    assert_refused(done, f"took more than {TIGHT.seconds} s")


DRIVER = """
import resource, sys
from mlops_scaffold import bounded, cli
from mlops_scaffold.processes import Bounds
bounded.BOUNDS = Bounds(seconds=2, memory=600_000_000, file=0)
sys.argv = ["mlops-scaffold", "kit", "check", sys.argv[1]]
try:
    cli.main()
finally:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory, and counts it in kilobytes")
@pytest.mark.parametrize("name", ["doubling", "output", "a list"])
def test_memory_is_bounded(stage: Stage, name: str) -> None:
    words = [sys.executable, "-c", DRIVER, str(stage.kit({NOTE: BOMBS[name]}))]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert 10_000 < int(done.stdout) < 600_000


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for the worker in /proc")
def test_the_worker_ends_when_its_parent_is_killed(stage: Stage) -> None:
    kit = stage.kit({NOTE: BOMBS["loops"]})
    with subprocess.Popen([sys.executable, "-c", DRIVER, kit], stderr=subprocess.DEVNULL) as parent:
        _wait(lambda: _workers(parent.pid), 60)
        (worker,) = _workers(parent.pid)
        parent.send_signal(signal.SIGKILL)
    assert running(worker)
    _wait(lambda: not running(worker), 120)


def _workers(parent: int) -> list[int]:
    """The children of a process that render; git is another child of it."""
    found = []
    for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        with suppress(OSError):
            if b"mlops_scaffold.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(int(pid))
    return found


def _wait(condition: object, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)


FILES: dict[str, tuple[str | bytes, str]] = {
    "arrays": (TOML + "x = " + "[" * 100_000, "kit.toml"),
    "short arrays": (TOML + "x = " + "[" * 900, "is not TOML"),
    "50 MB": (TOML + "#" * 50_000_000, "too large"),
    "a long key": (".".join("a" * 20_000) + " = 1\n" + TOML, "too large"),
    "a large number": (TOML + "[answers]\nlicense = " + "9" * 5000, "too large"),
    "many questions": (TOML + "".join(QUESTION.replace("cost_center", f"q{n}") for n in range(20_000)), "too large"),
    "no text": (b"\xff\xfe" * 10, "UTF-8"),
    "a key that a terminal obeys": (TOML + '"\\u001b[2J\\u009b2J" = 1\n', "is no setting"),
    "an answer's name that a terminal obeys": (TOML + '[answers]\n"\\u001b[2J" = "a"\n', "no question called"),
    "a question's name that a terminal obeys": (TOML + QUESTION.replace("cost_center", '"a\\u001b[2J"'), "variable"),
    "a name": (TOML.replace("strange", "{= 7*7 =}"), "name"),
    "a name that a terminal obeys": (TOML.replace("strange", "a\\u001b[2J"), "name"),
    "a name with a path": (TOML.replace("strange", "../x"), "name"),
    "a version": (TOML.replace("1.0.0", "{= 1 =}"), "version"),
    "a version that a terminal obeys": (TOML.replace("1.0.0", "1\\n\\u001b[2J"), "version"),
    "a description": (TOML + 'description = "{% if 1 %}"\n', "curly"),
    "a description that a terminal obeys": (TOML + 'description = "\\u001b[2J"\n', "curly"),
    "a default": (TOML + QUESTION.replace("c1", "{= 7*7 =}"), "curly"),
    "a comment as default": (TOML + QUESTION.replace("c1", "{# a #}"), "curly"),
    "help": (TOML + QUESTION.replace("Which", "{= 7*7 =}"), "curly"),
    "help that a terminal obeys": (TOML + QUESTION.replace("Which", "\\u001b[2J"), "curly"),
    "choices": (TOML + QUESTION + 'choices = ["c1", "{% set a = 1 %}"]\n', "curly"),
    "a suggestion": (TOML + '[answers]\nproject_name = "{= 7*7 =}"\n', "curly"),
    "a lock": (TOML + '[locked]\nproject_name = "{= 7*7 =}"\n', "curly"),
    "tasks": (TOML + '_tasks = ["@"]\n', "_tasks is no setting"),
    "migrations": (TOML + '[[_migrations]]\ncommand = "@"\n', "_migrations is no setting"),
    "extensions": (TOML + '_jinja_extensions = ["os.system"]\n', "_jinja_extensions is no setting"),
    "options of Jinja": (TOML + '[_envops]\nundefined = "os.system"\n', "_envops is no setting"),
    "other files": (TOML + '[_external_data]\nx = "/etc/passwd"\n', "_external_data is no setting"),
    "a task as question": (TOML + QUESTION.replace("cost_center", "_tasks"), "can't be a variable"),
    "options as question": (TOML + QUESTION.replace("cost_center", "_envops"), "can't be a variable"),
    "a built-in question": (TOML + QUESTION.replace("cost_center", "package_name"), "exists already"),
    "the version of the templates": (TOML + '[locked]\ntemplate_version = "9"\n', "no question called"),
    "the name of the package": (TOML + '[locked]\nci = "../../outside"\n', "is not a choice"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_a_kit_file_can_not_say(stage: Stage, name: str) -> None:
    text, words = FILES[name]
    kit = stage.kit(toml=text.replace("@", stage.attack) if isinstance(text, str) else text)
    for done in (command("kit", "show", kit), stage.new(kit)):
        assert_refused(done, words)
    assert_nothing_made(stage)


def test_a_question_whose_name_has_two_lines(stage: Stage) -> None:
    kit = stage.kit(toml=TOML + QUESTION.replace("cost_center", '"abc\\n"'))
    assert_refused(command("kit", "show", kit), "can't be a variable")


HARMLESS = [
    *("{= 7*7 =}", "{% set a = 1 %}", "{# a note #}", "${{ 7*7 }}", "x: y # z", "- a", "'", "*a", "!!python x", "null"),
    *("[a, b]", "|", "é \U0001f600"),
]


@pytest.mark.parametrize("answer", HARMLESS)
def test_an_answer_is_text_and_nothing_else(stage: Stage, answer: str) -> None:
    kit = stage.kit({NOTE: "{= cost_center =}|{= project_name =}\n"}, TOML + QUESTION)
    team = stage.made(kit, "-d", f"cost_center={answer}", "-d", f"project_name={answer}")
    assert team.read("note.md") == f"{answer}|{answer}\n"
    assert yaml.safe_load(team.read(".mlops-scaffold/project.yml"))["answers"]["cost_center"] == answer
    assert team.status()["edited"] == []


def test_an_answer_stays_text_in_an_upgrade(stage: Stage) -> None:
    answer = "{= 7*7 =} {% set a = 1 %} {# a note #} x: y # z"
    team = stage.made(stage.kit({NOTE: "{= cost_center =}\n"}, TOML + QUESTION), "-d", f"cost_center={answer}")
    assert team.upgrade().code == 0
    assert team.read("note.md") == f"{answer}\n"
    assert yaml.safe_load(team.read(".mlops-scaffold/project.yml"))["answers"]["cost_center"] == answer


@pytest.mark.parametrize("answer", ["a\nkit: {source: ext::sh}", 'a"\nb: c', "a\u2028b", "\x1b[2J", 'a"b', "a" * 200])
@pytest.mark.parametrize("way", ["option", "file"])
def test_an_answer_that_is_no_line_of_text(stage: Stage, answer: str, way: str) -> None:
    words = ["-d", f"cost_center={answer}"]
    if way == "file":
        text = yaml.safe_dump({"cost_center": answer})
        words = ["--answers-file", str(put(stage.root / "answers.yml", text))]
    done = stage.new(stage.kit(toml=TOML + QUESTION), *words)
    assert_refused(done, code=2)
    assert_nothing_made(stage)


def test_choices_can_hold_what_yaml_reads_in_another_way(stage: Stage) -> None:
    choices = ["x: y", "- a", "null", '\\"', "yes", "1e3", "#", "'"]
    listed = ", ".join(f'"{choice}"' if choice != '\\"' else "'\\\"'" for choice in choices)
    kit = stage.kit(toml=TOML + QUESTION.replace('"c1"', '"x: y"') + f"choices = [{listed}]\n")
    for number, choice in enumerate(choices):
        words = ("--kit", kit, "--defaults", "--no-lock", "--no-git", "-d", f"cost_center={choice}")
        done = command("new", stage.root / f"d{number}", *words)
        assert done.code == 0, done.err
        state = yaml.safe_load((stage.root / f"d{number}/.mlops-scaffold/project.yml").read_text())
        assert state["answers"]["cost_center"] == choice


def test_the_worker_leaves_no_process(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    before = children()
    monkeypatch.setattr(bounded, "BOUNDS", TIGHT)
    assert_refused(stage.new(stage.kit({NOTE: BOMBS["loops"]})))
    assert children() <= before
    assert_nothing_made(stage)
