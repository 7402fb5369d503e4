"""What checking a kit costs beside one `copier copy`, on this machine, in one run.

    uv run --group benchmarks python benchmarks/kit_check.py [--rounds N]

`kit check` renders the kit of the tests at every level, with every option and choice, and judges what comes out;
actionlint is counted in. `copier copy` writes one project from the built-in templates of one level, exported. Printed
are CPU seconds (user and system, children included), the best of the rounds, and the ratio.
"""

import argparse
import tempfile
from pathlib import Path

from new import BIN, cpu_seconds

from mlops_scaffold import __version__
from mlops_scaffold.template import export
from mlops_scaffold.templates import built_in
from mlops_scaffold.tree import write_tree

KIT = Path(__file__).parents[1] / "tests/kits/harbour"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        check = [str(BIN / "mlops-scaffold"), "kit", "check", str(KIT)]
        ours, _ = cpu_seconds(check, folder / "none", rounds)
        print(f"{'command':24}{'files':>6}{'CPU s':>8}{'ours is':>10}")
        print(f"{'kit check':24}{'':>6}{ours:8.3f}")
        for level in (1, 4):
            template, copied = folder / f"export{level}", folder / f"copied{level}"
            template.mkdir()
            write_tree(export(built_in(), {"level": level, "template_version": __version__}), template)
            copy = [str(BIN / "copier"), "copy", "--quiet", "--defaults", str(template), str(copied)]
            seconds, files = cpu_seconds(copy, copied, rounds)
            print(f"{f'copier copy, level {level}':24}{files:>6}{seconds:8.3f}{ours / seconds:9.2f}x")


if __name__ == "__main__":
    main()
