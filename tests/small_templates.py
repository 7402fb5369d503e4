"""Templates of two dozen files in three versions, so that a test can make, upgrade and update many repositories."""

import shutil
from pathlib import Path

from support import answers_for

import mlops_scaffold
from mlops_scaffold.project import with_manifest
from mlops_scaffold.render import render
from mlops_scaffold.tree import EXECUTABLE, File, Tree, write_tree

VERSIONS = (1, 2, 3)
LEVELS = (1, 2, 3)

QUESTIONS = """
_envops: {variable_start_string: "{=", variable_end_string: "=}", trim_blocks: true, lstrip_blocks: true,
          undefined: jinja2.StrictUndefined}
_templates_suffix: .jinja
level: {type: int, default: 1, choices: [1, 2, 3]}
package_name: {type: str, default: churn}
task: {type: str, default: classification, choices: [classification]}
ci: {type: str, default: github, choices: [github]}
platform: {type: str, default: compose, choices: [compose]}
template_version: {type: str, when: false}
"""

STATE = """level: {= level =}
template_version: "{= template_version =}"
answers:
  package_name: "{= package_name =}"
  task: "{= task =}"
  ci: "{= ci =}"
  platform: "{= platform =}"
"""

LEVEL = """name: Level
adds: [Something is added.]
asks: {engineers: [Look at it.]}
success: [{sign: It works., ids: [one]}]
first: [{run: git log, does: look back}]
"""

WORDS = (
    *("amber", "birch", "cedar", "delta", "ember", "flint", "grove", "heron", "iris"),
    *("jade", "kelp", "lilac", "maple", "north", "ochre", "pearl", "quartz", "reed"),
)


def page(name: str, *changed: int, end: str = "") -> str:
    """Eighteen lines, no two alike; those that are numbered read differently."""
    lines = [f"{word} {name} {number}" for number, word in enumerate(WORDS)]
    for number in changed:
        lines[number] = f"{lines[number]}, and more of {name}"
    return "\n".join(lines) + "\n" + end


def templates(version: int) -> dict[str, File]:
    """All template files of one version.

    The second version adds, changes, deletes and renames files, and turns a file into a directory and a directory into
    a file; the third one takes some of that back.
    """
    is_new = version >= 2
    block = "{% block level %}\n{% endblock %}\n"
    texts = {
        "copier.yml": QUESTIONS,
        **{f"level{level}/level.yml": LEVEL for level in LEVELS},
        "level1/project/.mlops-scaffold/project.yml.jinja": STATE,
        "level1/project/README.md.jinja": page("readme", *([4, 12] if is_new else []), end=block),
        "level1/project/src/{= package_name =}/data.py": "rows = 1\n",
        "level1/project/config/settings.toml": page("settings", *range(2, 2 * version, 5)),
        "level1/project/docs/guide.md": page("guide", *([3, 9] if is_new else [])),
        "level1/project/docs/same.md": page("same"),
        "level1/project/docs/long.md": page("long", version, 17 - version),
        "level1/project/tools/run.sh": page("run", *([8] if is_new else [])),
        "level1/project/assets/logo.bin": f"\0\1\2 {version}",
        "level1/project/tests/test_one.py": page("one"),
        "level1/project/pyproject.toml": page("pyproject", *([7] if is_new else [])),
        "level2/project/README.md.jinja": '{% extends "level1/project/README.md.jinja" %}\n'
        "{% block level %}\n{= super() =}Level 2.\n{% endblock %}\n",
        "level2/project/docs/training.md": page("training", version),
        "level2/project/docs/guide.md": page("guide", *([3, 9] if is_new else []), 14),
        "level2/project/nested/deep/er/file.md": page("deep"),
        "level2/project/tools/train.sh": page("train"),
        "level3/project/README.md.jinja": '{% extends "level1/project/README.md.jinja" %}\n'
        "{% block level %}\n{= super() =}Level 3.\n{% endblock %}\n",
        "level3/project/docs/deploying.md": page("deploying"),
        "level3/project/config/deploy/rules.toml": page("rules", version),
    }
    at = "level1/project"
    if is_new:
        texts |= {
            f"{at}/handbook/moved.md": page("moved", 5),
            f"{at}/area/inner.md": page("area", 2),
            f"{at}/zone": page("zone"),
            f"{at}/new/deep/file.md": page("new"),
            f"{at}/empty/now.md": page("now"),
            f"{at}/docs/added.md": page("added", version),
        }
    else:
        texts |= {
            f"{at}/docs/moved.md": page("moved"),
            f"{at}/docs/ops.md": page("ops"),
            f"{at}/docs/old/only.md": page("only"),
            f"{at}/area": page("area"),
            f"{at}/zone/a.md": page("zone"),
            f"{at}/zone/b.md": page("second"),
        }
    if version == 3:
        texts |= {f"{at}/docs/old/only.md": page("only", 6), f"{at}/docs/ops.md": page("ops", 1)}
    programs = {f"{at}/tools/run.sh", "level2/project/tools/train.sh"} | ({f"{at}/docs/long.md"} if is_new else set())
    return {
        name: File(mode=EXECUTABLE, content=text.encode()) if name in programs else File(content=text.encode())
        for name, text in texts.items()
    }


def project(version: int, level: int) -> Tree:
    """What a new repository of a version and level holds."""
    all_files = templates(version)
    answers = answers_for(all_files, level=level)
    return with_manifest(render(all_files, answers), answers)


def package(site: Path, version: int) -> Path:
    """Put the product with these templates into a directory for PYTHONPATH."""
    shutil.copytree(Path(mlops_scaffold.__file__).parent, site / "mlops_scaffold")
    built_in = site / "mlops_scaffold" / "templates"
    built_in.mkdir()
    write_tree_with_parents(templates(version), built_in)
    return site


def write_tree_with_parents(tree: Tree, root: Path) -> None:
    """Write a tree to a new directory."""
    root.mkdir(parents=True, exist_ok=True)
    write_tree(tree, root)
