"""Ask a person what is still open. The only module that imports Copier and questionary.

Copier's own engine runs over the questions, so that a person sees here what `copier copy` would show.
"""

import tempfile
from pathlib import Path
from typing import Any

import questionary
import yaml
from copier import Settings, run_copy
from copier.errors import CopierAnswersInterrupt, InteractiveSessionError

from mlops_scaffold.questions import QUESTIONS, Answers, asked, choices


def ask(config: dict[str, Any], given: Answers, defaults: Answers) -> dict[str, Any]:
    """Ask the questions that no given answer settles, on the terminal.

    Args:
        config: The content of `copier.yml`.
        given: Answers that are settled and not asked.
        defaults: Suggestions that replace a question's own default.

    Returns:
        The given answers and those of the person.

    Raises:
        KeyboardInterrupt: The person pressed Ctrl-C or Ctrl-D.
    """
    settled = dict(given)
    for name, question in asked(config).items():
        # Where only one choice is offered and nothing else is shown, there is nothing to ask.
        offered = choices(question)
        if name not in settled and len(offered) == 1 == len(question["choices"]):
            settled[name] = offered[0]
    shown = config | {name: {"qmark": "?", **question} for name, question in asked(config).items()}
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder, "template")
        template.mkdir()
        (template / QUESTIONS).write_text(yaml.safe_dump(shown, sort_keys=False), encoding="utf-8")
        try:
            worker = run_copy(
                str(template),
                Path(folder, "nowhere"),
                data=settled,
                user_defaults=dict(defaults),
                pretend=True,
                quiet=True,
                settings=Settings(),  # a person's settings for Copier are not ours to read
            )
        except (CopierAnswersInterrupt, InteractiveSessionError) as interrupt:
            raise KeyboardInterrupt from interrupt
    answered: dict[str, Any] = dict(worker.answers.user)
    return {**settled, **{name: answered[name] for name in asked(config) if name in answered}}


def confirm(question: str) -> bool:
    """Ask a person for a yes or no on the terminal; Enter is yes.

    Raises:
        KeyboardInterrupt: The person pressed Ctrl-C or Ctrl-D.
    """
    try:
        answer = questionary.confirm(question, default=True).unsafe_ask()
    except EOFError as error:
        raise KeyboardInterrupt from error
    return bool(answer)
