"""The other end of `bounded.py`: reads one task from standard input, does it, and writes the answer."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from mlops_scaffold.bounded import BYTES, ERRORS, as_json, from_json, one_line
from mlops_scaffold.errors import KitError, ScaffoldError, TemplateError
from mlops_scaffold.kits.paths import check_paths
from mlops_scaffold.layers import KIT
from mlops_scaffold.render import Rendering


def render_project(*, templates: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    """Render a project, and make sure that the kit's files do no harm in it."""
    read = from_json(templates)
    rendering = Rendering(read, answers)
    given = {path: name.removeprefix(KIT) for path, name in rendering.origins.items() if name.startswith(KIT)}
    check_paths(rendering.origins, given, answers["package_name"])
    tree = {}
    left = BYTES
    for path in rendering.origins:
        tree[path] = rendering.file(path)
        left -= len(tree[path].content)
        if left < 0:
            raise KitError(f"The kit makes the project larger than {BYTES:,} bytes. Leave out what is no convention.")
    return as_json(tree)


def check_kit(*, templates: Mapping[str, Any], **facts: Any) -> dict[str, Any]:
    """Check a kit at every level, with every option."""
    from mlops_scaffold.kits.check import check

    try:
        result: dict[str, Any] = check(from_json(templates), **facts)
    except TemplateError as error:
        raise KitError(f"The kit can't be checked. {error}") from error
    if sum(len(content) for _, _, content, _ in result["workflows"]) > BYTES:
        raise KitError(f"The workflows of the kit are larger than {BYTES:,} bytes. Leave out what is no convention.")
    findings = [[one_line(file), line, one_line(what), is_error] for file, line, what, is_error in result["findings"]]
    return {**result, "findings": findings}


ASK = "Nothing was written. Ask those who keep the kit."

TASKS: Mapping[str, Callable[..., Any]] = {"render": render_project, "check": check_kit}


def main() -> None:
    """Do one task, whatever it ends with."""
    request = json.loads(sys.stdin.buffer.read())
    try:
        answer: dict[str, Any] = {"result": TASKS[request.pop("task")](**request)}
    except TemplateError as error:
        said = one_line(str(error))
        answer = {"error": "TemplateError", "message": said, "template": error.template, "line": error.line}
    except ScaffoldError as error:
        kind = type(error) if type(error) in ERRORS.values() else KitError
        answer = {"error": kind.__name__, "message": one_line(str(error))}
    except MemoryError:
        answer = {"error": "KitError", "message": f"Rendering the kit needs too much memory. {ASK}"}
    except RecursionError:
        answer = {"error": "KitError", "message": f"Something in the kit is too deep to be rendered. {ASK}"}
    except Exception as error:  # noqa: BLE001 - whatever a stranger's template raises, it is the template's fault
        answer = {"error": "KitError", "message": one_line(f"The kit can't be rendered: {error!r:.300}. {ASK}")}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
