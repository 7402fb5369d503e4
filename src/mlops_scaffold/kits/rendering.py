"""The files of a project: of the built-in templates alone, or with a kit on top."""

from mlops_scaffold.bounded import as_json, call, from_json
from mlops_scaffold.errors import KitError, TemplateError
from mlops_scaffold.kits.kit import Kit, overlay
from mlops_scaffold.layers import KIT
from mlops_scaffold.project import with_kit, with_manifest
from mlops_scaffold.questions import Answers
from mlops_scaffold.render import render
from mlops_scaffold.tree import File, Tree


def give(templates: Tree, kit: Kit | None, answers: Answers) -> dict[str, File]:
    """Render a project, with the state that upgrades need.

    Args:
        templates: The built-in templates, of any version.
        kit: The kit on top of them, or None. It is rendered in a process of its own.
        answers: Every answer, those to the kit's questions among them.

    Raises:
        KitError: The kit can't be rendered, or reaches out of the project.
        TemplateError: A built-in template is wrong.
    """
    if kit is None:
        return with_manifest(render(templates, answers), answers)
    try:
        rendered = call("render", {"templates": as_json(overlay(templates, kit)), "answers": dict(answers)})
    except TemplateError as error:
        # The built-in templates are tested with all answers: what fails now is the kit's.
        raise KitError(f"The kit {kit.title} is wrong. {str(error).replace(KIT, '')} Ask those who keep it.") from error
    asked = [question.name for question in kit.questions if question.from_level <= answers["level"]]
    return with_manifest(with_kit(from_json(rendered), kit.record, asked, answers), answers)
