"""Says in Markdown where an A/B test stands."""

from collections.abc import Mapping
from typing import Any

VERDICTS = {
    "promote": "version {canary} is better: promote it",
    "end": "version {champion} stays: end the test",
    "continue": "open: go on",
}


def text(numbers: Mapping[str, Any]) -> str:
    """Return the page.

    Args:
        numbers: Those of `experiment.State`.
    """
    verdict = VERDICTS[numbers["decision"]].format(**numbers)
    one, other = numbers["champion"], numbers["canary"]
    lines = [
        f"### A/B test of version {other} against champion {one}: {verdict}",
        "",
        numbers["reason"],
        "",
        f"| | champion {one} | version {other} |",
        "|---|---|---|",
        f"| keys answered | {numbers['rows'] - numbers['answered_by_canary']:,} | {numbers['answered_by_canary']:,} |",
        f"| rows it failed on | {numbers['failed']['champion']:,} | {numbers['failed']['canary']:,} |",
        f"| mean loss ({numbers['loss']}) | {_number(numbers['losses']['champion'])} | {_number(numbers['losses']['canary'])} |",
        *(
            f"| {name}, {_limit(each['allowed'])} | {_number(each['champion'])} | {_number(each['canary'])}{_mark(each)} |"
            for name, each in numbers["guardrails"].items()
        ),
        "",
    ]
    return "\n".join([*lines, *_difference(numbers), *_coverage(numbers)])


def _difference(numbers: Mapping[str, Any]) -> list[str]:
    interval = numbers["interval"]
    if interval is None:
        return []
    sure = 1 - numbers["alpha"]
    return [
        f"Difference of the loss: {interval['mean']:+.4g}, between {interval['low']:+.4g} and {interval['high']:+.4g} with a "
        f"confidence of {sure:.4g} at every look, from {numbers['units']:,} observations. Below zero the new version is better.",
        "",
    ]


def _coverage(numbers: Mapping[str, Any]) -> list[str]:
    design = (
        "both versions predict each row" if numbers["design"] == "paired" else "each row is predicted by one version"
    )
    lines = [
        f"- Since {_time(numbers['since'])}, until {_time(numbers['ends'])} at the latest; version {numbers['canary']} answers "
        f"{numbers['share']:.0%} of the keys, {design}.",
        f"- {numbers['rows']:,} keys have their real value; {numbers['waiting']:,} wait for it: it comes with `poe collect`.",
    ]
    if numbers["learnt"]:
        lines.append(
            f"- {numbers['learnt']:,} keys are left out: a version was trained on their days, so it may know the answers."
        )
    if numbers["nameless"]:
        lines.append(
            f"- {numbers['nameless']:,} rows came without a key, so they can't be compared. Callers should send one."
        )
    return lines


def _limit(allowed: float) -> str:
    return f"may {'grow' if allowed >= 0 else 'shrink'} by {abs(allowed):.3g} of its value"


def _mark(guardrail: Mapping[str, Any]) -> str:
    return {True: "", False: " **broken**", None: " undefined"}[guardrail["held"]]


def _number(value: float | None) -> str:
    return "none yet" if value is None else f"{value:.4g}"


def _time(text: str) -> str:
    return text[:16].replace("T", " ")
