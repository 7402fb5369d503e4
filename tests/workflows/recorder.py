"""What a stand-in does with a call: write it down, or refuse it as the real thing would."""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any, NoReturn


def record(**call: Any) -> None:
    """Append one call to the log of the run."""
    line = json.dumps(call | {"job": os.environ.get("GITHUB_JOB", "")}) + "\n"
    with Path(os.environ["STANDIN_LOG"]).open("a", encoding="utf-8") as log:
        log.write(line)


def refuse(reason: str) -> NoReturn:
    """Fail the step."""
    sys.stdout.write(f"::error::{reason}\n")
    sys.exit(1)


def output(**values: str) -> None:
    """Set outputs of the step."""
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as file:
        file.writelines(f"{name.replace('_', '-')}={value}\n" for name, value in values.items())


def digest_of(tags: list[str]) -> str:
    """Invent the digest of an image that was pushed under these tags."""
    return "sha256:" + hashlib.sha256("".join(tags).encode()).hexdigest()
