"""Notebooks are kept without outputs: these would bring data into git, and differ in every commit."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]


def has_outputs(notebook: Path) -> bool:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return any(cell.get("outputs") or cell.get("execution_count") is not None for cell in cells)


def test_notebooks_hold_no_outputs() -> None:
    # Jupyter's own copies are ignored by git.
    kept = [path for path in (ROOT / "notebooks").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts]
    found = [path.relative_to(ROOT).as_posix() for path in kept if has_outputs(path)]
    assert found == [], f"run `uv run --group notebooks nbstripout --keep-id {' '.join(found)}`"
