"""What the team of `team_edits` writes into its repository."""

DAYS = '''\
"""What kind of day a flight leaves on."""

import holidays
import pandas as pd

HOLIDAYS = holidays.country_holidays("US")


def kind_of_day(times: pd.Series) -> pd.Series:
    """Return "holiday", "weekend" or "workday" for each time."""
    days = times.dt.normalize()
    kinds: pd.Series = days.map({day: _kind(day) for day in days.unique()})
    return kinds


def _kind(day: pd.Timestamp) -> str:
    if day.date() in HOLIDAYS:
        return "holiday"
    return "weekend" if day.weekday() >= 5 else "workday"
'''

TEST_DAYS = """\
import pandas as pd

from flight_delays.days import kind_of_day


def test_holidays_win_over_weekends() -> None:
    days = pd.to_datetime(pd.Series(["2013-07-04 18:45", "2013-07-06 09:00", "2013-07-08 09:00"]))
    assert kind_of_day(days).tolist() == ["holiday", "weekend", "workday"]
"""

TEST_HOLIDAY = '''\
def test_a_holiday_is_predicted(model: Any, some: pd.DataFrame) -> None:
    """Few rows of the sample are of one."""
    holiday = some.assign(scheduled_departure=pd.Timestamp("2013-12-25 08:00"))
    assert project.model.predict(model, holiday)["prediction"].notna().all()
'''

TASK = """\
[tool.poe.tasks.spell]
help = "Check the spelling of our own texts"
cmd = "codespell src scripts docs/data-notes.md"
"""

WORKFLOW = """\
# Reads the whole history once a month, where a pull request reads only what is there now.
name: Spelling
on:
  schedule:
    - cron: "23 6 1 * *"
  workflow_dispatch:

permissions: {}

concurrency:
  group: ${{ github.workflow }}
  cancel-in-progress: false

defaults:
  run:
    shell: bash

jobs:
  spelling:
    name: Spelling
    runs-on: ubuntu-24.04
    timeout-minutes: 10
    permissions:
      contents: read # check out
    steps:
      - name: Check out
        uses: CHECKOUT
        with:
          persist-credentials: false
      - name: Set up
        uses: $/.github/actions/setup
      - name: Spelling
        run: uv run poe spell
"""

CREDENTIAL = "          AWS_ACCESS_KEY_ID: ${{ secrets.AWS_ACCESS_KEY_ID }}\n"

STEP = """\
      - name: Say how much there is
        run: du -sh state/data >> "$GITHUB_STEP_SUMMARY"
"""

LAST_STEP = """\
      - name: Say when
        run: date --utc >> "$GITHUB_STEP_SUMMARY"
"""

SCRIPT = """\
#!/bin/sh
# Brings the data up to date and trains on it.
set -eu
uv run poe collect
uv run poe train
"""

NOTES = """\
# What we know of the data

Carriers change their codes. In spring 2013 nobody told us, and the metrics dropped for a week.
"""

NOTEBOOK = """\
{
 "cells": [
  {
   "cell_type": "code",
   "execution_count": null,
   "id": "days",
   "metadata": {},
   "outputs": [],
   "source": [
    "import pandas as pd\\n",
    "\\n",
    "from flight_delays.days import kind_of_day\\n",
    "\\n",
    "kind_of_day(pd.Series(pd.date_range(\\"2013-01-01\\", \\"2013-12-31\\"))).value_counts()"
   ]
  }
 ],
 "metadata": {
  "kernelspec": {
   "display_name": "Python 3",
   "language": "python",
   "name": "python3"
  },
  "language_info": {
   "name": "python"
  }
 },
 "nbformat": 4,
 "nbformat_minor": 5
}
"""

BUSIEST_DAYS = '''\
"""Lists the days with the most flights of those collected."""

from pathlib import Path

import pandas as pd


def busiest(folder: Path, count: int) -> pd.Series:
    rows = pd.concat([pd.read_parquet(path, partitioning=None) for path in sorted(folder.glob("date=*/*.parquet"))])
    return rows["scheduled_departure"].dt.date.value_counts().head(count)


if __name__ == "__main__":
    print(busiest(Path("state/data"), 5).to_string())
'''

SECTION = """\
## Who we are

Dana answers for the model, Sam for the service. We meet on Tuesdays; before that, write to flights@example.com.
"""
