"""Whether a file that git has merged by lines can still be read.

Git knows lines and no grammar. A clean merge can give a key twice, or an entry without its section.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath

from mlops_scaffold.checkout import Checkout
from mlops_scaffold.fast_import import Workshop
from mlops_scaffold.readers import READERS, problem


def spoilt(checkout: Checkout, workshop: Workshop, tree: str, paths: Sequence[str]) -> dict[str, str]:
    """The merged files that can't be read, and why, though the team's own can.

    Args:
        checkout: The team's repository.
        workshop: Where the objects of the merge are.
        tree: The merged tree.
        paths: Files that both sides have changed.
    """
    known = [path for path in paths if PurePosixPath(path).suffix in READERS]
    before, after = (checkout.entries(name, known, env=workshop.env) for name in ("HEAD", tree))
    contents = checkout.blobs([entry.id for entry in (*before.values(), *after.values())], env=workshop.env)
    found: dict[str, str] = {}
    for path in known:
        if path in before and path in after and problem(path, contents[before[path].id]) is None:
            reason = problem(path, contents[after[path].id])
            found |= {path: reason} if reason else {}
    return found
