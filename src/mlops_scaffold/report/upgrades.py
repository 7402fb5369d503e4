"""What `upgrade` and `update` show, before and after."""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from mlops_scaffold.apply import Applied, TakenBack
from mlops_scaffold.levels import Level
from mlops_scaffold.merge import Change, Conflict
from mlops_scaffold.project import LOCK, PROJECT, KitRecord
from mlops_scaffold.report.records import SHORT
from mlops_scaffold.upgrade import Upgrade

NOTHING = "Nothing to do. `mlops-scaffold status` says what waits."

HUNK_LINES = 24
"""Lines of a conflict that are shown; `--json` has them all."""


def preview(upgrade: Upgrade, levels: Sequence[Level], *, command: str, back: str) -> str:
    """What an upgrade would do, and what its levels ask of people.

    Args:
        upgrade: What was prepared.
        levels: The levels on the way.
        command: The command that does it.
        back: The command that takes it back.
    """
    lines = [_title(upgrade), *_newer_kit(upgrade), ""]
    if upgrade.merge is None:
        return "\n".join([_title(upgrade), *_newer_kit(upgrade), _nothing(upgrade)])
    # What a person decides on stands last, where a terminal shows it.
    lines += [*_adds(levels), *_asks(levels), *_success(levels), *_first(levels), *_files(upgrade, with_hunks=True)]
    if upgrade.refusals:
        lines += ["As things are, this would be refused:", *_items(upgrade.refusals), ""]
    lines.append(f"Nothing has moved. `{command}` does this; until you commit, `{back}` takes it back.")
    return "\n".join(lines)


def applied(result: Applied, levels: Sequence[Level], *, back: str) -> str:
    """What an upgrade did, and how to go on.

    Args:
        result: What was done.
        levels: The levels on the way.
        back: The command that takes it back.
    """
    upgrade = result.upgrade
    if upgrade.merge is None:
        return "\n".join([_title(upgrade), *_newer_kit(upgrade), _nothing(upgrade)])
    lines = [
        _title(upgrade),
        *_newer_kit(upgrade),
        "",
        *_asks(levels),
        *_first(levels),
        *_files(upgrade, with_hunks=False),
    ]
    lines += [f"Note: {note}" for note in result.notes]
    if upgrade.merge.conflicts:
        return "\n".join([*lines, *_how_to_finish(upgrade, back)])
    look = "Look at it by `git diff --staged`, and check it"
    if upgrade.merge.spoilt:
        look = "Mend the files that can't be read any more and `git add` them; look at all by `git diff --staged`"
    lines += [
        f"Everything is staged, nothing is committed. {look}, then:",
        f'  git commit -m "{upgrade.message}"',
        f"To take it back before the commit: `{back}`.",
    ]
    return "\n".join(lines)


def aborted(result: TakenBack) -> str:
    """What `--abort` ends with."""
    lines = [f"Taken back: {result.name}. Files, index and directories are as they were before."]
    if result.kept:
        lines += [
            f"Somebody has worked on these files after the upgrade was killed. Copies of them are in {result.place}:",
            *(f"  {path}" for path in result.kept),
        ]
    return "\n".join(lines)


def _title(upgrade: Upgrade) -> str:
    before, after = upgrade.before, upgrade.after
    name = after.answers.get("project_name", upgrade.checkout.project.name)
    level = f"level {after.level}" if before.level == after.level else f"level {before.level} → {after.level}"
    versions = (before.template_version, after.template_version)
    templates = versions[0] if versions[0] == versions[1] else " → ".join(versions)
    return f"{name}: {level} of MLOps maturity, templates {templates}{_kits(before.kit, after.kit)}"


def _kits(before: KitRecord | None, after: KitRecord | None) -> str:
    if before is None and after is None:
        return ""
    if before is None or after is None or before.name != after.name:
        return f", kit {' → '.join(f'{kit.name} {kit.version}' if kit else 'none' for kit in (before, after))}"
    versions = [before.version, after.version]
    if before.version == after.version and before.commit != after.commit:
        commits = [kit.commit[:SHORT] if kit.commit else "no commit" for kit in (before, after)]
        versions = [f"{before.version} ({commit})" for commit in commits]
    return f", kit {after.name} {' → '.join(dict.fromkeys(versions))}"


def _nothing(upgrade: Upgrade) -> str:
    return "Otherwise there is nothing to do." if upgrade.newer_kit else NOTHING


def _newer_kit(upgrade: Upgrade) -> list[str]:
    if upgrade.newer_kit is None:
        return []
    return [f"The kit has a newer version, {upgrade.newer_kit}: `mlops-scaffold update --kit @{upgrade.newer_kit}`."]


def _adds(levels: Sequence[Level]) -> list[str]:
    lines = []
    for level in levels:
        lines += [f"Level {level.number}, {level.name}, adds", *_items(level.adds), ""]
    return lines


def _asks(levels: Sequence[Level]) -> list[str]:
    lines = []
    for level in levels:
        lines.append(f"Level {level.number} asks of people")
        for role, sentences in level.asks.items():
            lines += [f"  {role}", *(f"  {line}" for line in _items(sentences))]
        lines.append("")
    return lines


def _success(levels: Sequence[Level]) -> list[str]:
    lines = []
    for level in levels:
        lines += [f"Level {level.number} works when", *_items(criterion.sign for criterion in level.success), ""]
    return lines


def _first(levels: Sequence[Level]) -> list[str]:
    if not levels:
        return []
    commands = levels[-1].first
    width = max(len(command.run) for command in commands)
    return ["First commands", *(f"  {command.run:{width}}   {command.does}" for command in commands), ""]


def _files(upgrade: Upgrade, *, with_hunks: bool) -> list[str]:
    merge = upgrade.merge
    if merge is None:
        return []
    lines = ["Files"]
    if upgrade.guessed:
        lines += [
            "  ! The old templates could not be had for these files, so their merge is a guess. Read them closely:",
            *(f"    {path}" for path in upgrade.guessed),
        ]
    for kind in ("added", "changed", "removed"):
        if found := [change for change in merge.changes if change.kind == kind]:
            lines.append(f"  {len(found)} {kind}, {_sum(found)}")
            lines += _by_directory(found) if kind == "added" else _one_by_one(found)
    if merge.followed:
        lines.append(f"  {len(merge.followed)} of the added went where you have moved their directory")
        lines += _moves(merge.followed)
    if merge.kept_deletions:
        lines.append(f"  {len(merge.kept_deletions)} that you deleted and the templates change: deleted they stay")
        lines += [f"    {path}" for path in merge.kept_deletions]
    lines += _state(upgrade)
    if merge.spoilt:
        lines.append(f"  {len(merge.spoilt)} merged line by line, and can't be read any more: mend before you commit")
        lines += [f"    {path}: {why}" for path, why in merge.spoilt.items()]
    if merge.conflicts:
        lines.append(f"  {len(merge.conflicts)} in conflict: here you decide")
        lines += [line for conflict in merge.conflicts for line in _conflict(conflict, with_hunks=with_hunks)]
    return [*lines, ""]


def _state(upgrade: Upgrade) -> list[str]:
    lines = []
    if upgrade.dropped:
        lines.append(f"  {upgrade.checkout.prefix}{PROJECT} is the templates' alone; these lines of yours go")
        lines += [f"    {line.strip()}" for line in upgrade.dropped]
    if upgrade.locks:
        lines.append(f"  {upgrade.lock_path} is made again by uv")
    if upgrade.not_read:
        lines.append(f"  {upgrade.lock_path} does not fit any more, and is not made again by itself")
    return lines


def _moves(followed: Mapping[str, str]) -> list[str]:
    moves = Counter(
        f"    {PurePosixPath(before).parent}/ → {PurePosixPath(after).parent}/" for after, before in followed.items()
    )
    return [f"{move}  {count} {'file' if count == 1 else 'files'}" for move, count in moves.items()]


def _sum(changes: Iterable[Change]) -> str:
    found = list(changes)
    plus, minus = sum(change.plus or 0 for change in found), sum(change.minus or 0 for change in found)
    return " ".join([f"+{plus:,}"] + ([f"-{minus:,}"] if minus else []))


def _by_directory(changes: Sequence[Change]) -> list[str]:
    groups: dict[str, list[Change]] = {}
    for change in changes:
        groups.setdefault(str(PurePosixPath(change.path).parent), []).append(change)
    rows = []
    for folder, found in sorted(groups.items()):
        name = found[0].path if len(found) == 1 else f"{folder}/ ({len(found)} files)"
        rows.append((name, _sum(found)))
    return _table(rows)


def _one_by_one(changes: Sequence[Change]) -> list[str]:
    rows = []
    for change in changes:
        counts = "binary" if change.plus is None else _sum([change])
        counts = counts if change.plus or change.minus or change.plus is None else "mode"
        rows.append((change.path, f"{counts}, with your own changes in it" if change.merged else counts))
    return _table(rows)


def _table(rows: Sequence[tuple[str, str]]) -> list[str]:
    width = min(60, max(len(name) for name, _ in rows))
    return [f"    {name:{width}}  {text}" for name, text in rows]


def _conflict(conflict: Conflict, *, with_hunks: bool) -> list[str]:
    lines = [f"    {conflict.path}: {conflict.what}"]
    if with_hunks:
        for hunk in conflict.hunks:
            shown = hunk.splitlines()
            more = [f"… {len(shown) - HUNK_LINES} more lines"] if len(shown) > HUNK_LINES else []
            lines += [f"      {line}" for line in (*shown[:HUNK_LINES], *more)]
    return lines


def _how_to_finish(upgrade: Upgrade, back: str) -> list[str]:
    """The commands that end a conflict, as they are typed in the project's directory."""
    checkout = upgrade.checkout
    paths = [conflict.path for conflict in upgrade.merge.conflicts] if upgrade.merge else []
    inside = [_spec(path, checkout.prefix) for path in paths]
    place = f", in {checkout.prefix}" if checkout.prefix else ""
    lines = [
        f"To finish: edit the files in conflict (or `git mergetool`), then{place}",
        f"  git add -- {shlex.join(inside)}",
    ]
    if (checkout.project / LOCK).is_file():
        lines.append(f"  uv lock && git add {LOCK}" if upgrade.lock_is_committed else "  uv lock")
    return [*lines, "  git commit", f"To take it back: `{back}`."]


def _spec(path: str, prefix: str) -> str:
    """A path as git takes it in the project's directory."""
    if not path.startswith(prefix):
        return f":(top,literal){path}"
    inside = path.removeprefix(prefix)
    return f":(literal){inside}" if set(inside) & set("*?[:\\") else inside


def _items(sentences: Iterable[str]) -> list[str]:
    return [f"  - {sentence}" for sentence in sentences]
