"""Results for programs, as text."""

import json
from typing import Any


def as_text(content: Any) -> str:
    """JSON that every stream can bear: what is not ASCII is escaped."""
    return json.dumps(content, indent=2)
