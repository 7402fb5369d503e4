"""What is installed by others: the wheel, built from the source distribution, carries the templates."""

import os
import subprocess
import sys
from pathlib import Path

from support import files_in, uv

ROOT = Path(__file__).parents[1]


def test_an_installed_wheel_writes_what_the_checkout_writes(tmp_path: Path) -> None:
    # `uv build` makes the source distribution first, then the wheel out of it.
    words = [uv(), "build", "--quiet", "--out-dir", str(tmp_path / "dist"), str(ROOT)]
    subprocess.run(words, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    # Only the package is taken from the wheel; its dependencies are those of this environment.
    install = [uv(), "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path / "site"), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    made, kits = {}, {}
    for name, path in (("installed", {"PYTHONPATH": str(tmp_path / "site")}), ("checkout", {})):
        where = tmp_path / name
        where.mkdir()
        words = [sys.executable, "-m", "mlops_scaffold", "new", "churn", "--defaults", "--no-lock", "--no-git"]
        subprocess.run(words, cwd=where, env={**os.environ, **path}, check=True, capture_output=True)
        made[name] = files_in(where / "churn")
        words = [sys.executable, "-m", "mlops_scaffold", "kit", "init", "our-kit", "--no-git"]
        subprocess.run(words, cwd=where, env={**os.environ, **path}, check=True, capture_output=True)
        words = [sys.executable, "-m", "mlops_scaffold", "kit", "check", "our-kit"]
        subprocess.run(words, cwd=where, env={**os.environ, **path}, check=True, capture_output=True)
        kits[name] = files_in(where / "our-kit")
    assert made["installed"] == made["checkout"]
    assert kits["installed"] == kits["checkout"]
    assert ".github/workflows/kit.yml" in kits["installed"]
    code = "import mlops_scaffold; print(mlops_scaffold.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(tmp_path / "site")), "the installed package was not the one that ran"
