"""`omninode dead-letters`: what ingest refused, and how it comes in after a fix."""

import sys
from collections.abc import Sequence

from ingest.dead_letters import Which, count_letters, newest_letters
from ingest.decode import Decoder
from ingest.kinds import topics_of
from ingest.lake import open_lake
from ingest.readmit import Readmission, Readmitter
from ingest.reasons import Reason
from omninode.cli.choices import CountedBy
from omninode.cli.door import instant, read_settings, utc_now
from omninode.cli.letter_rows import LETTER_COLUMNS, letter_rows, shown
from omninode.cli.output import Column, OutputFormat, Row, print_rows


def which_letters(reason: Reason | None, topic: str | None, since: str | None, until: str | None) -> Which:
    """Read the options that say which letters are meant."""
    return Which(reason, topic, instant(since, "--since"), instant(until, "--until"))


def run_list(which: Which, *, limit: int, output: OutputFormat) -> None:
    """Print letters, newest first."""
    settings = read_settings()
    letters = newest_letters(open_lake(settings.lake, settings.lake_options, create=False), which, limit=limit + 1)
    rows = letter_rows(letters.head(limit).to_dicts(), output)
    _say_if_none(rows, which)
    if letters.height > limit:
        sys.stderr.write(f"omninode: there are more dead letters than these {limit}: see --limit\n")
    print_rows(rows, LETTER_COLUMNS, output, title=f"Dead letters of {settings.lake}, the newest first")


def run_count(which: Which, *, by: CountedBy, output: OutputFormat) -> None:
    """Print how many letters there are, and how many of them were re-admitted."""
    settings = read_settings()
    rows = count_letters(open_lake(settings.lake, settings.lake_options, create=False), by, which).to_dicts()
    _say_if_none(rows, which)
    group = Column(by.value, lambda row: shown(row[by.value], most=80), is_number=False)
    columns = [
        group,
        Column("letters", lambda row: f"{row['letters']:,}"),
        Column("re-admitted", lambda row: f"{row['readmitted']:,}"),
        Column("waiting", lambda row: f"{row['waiting']:,}"),
    ]
    print_rows(rows, columns, output, title=f"Dead letters of {settings.lake} by {by.value}")


def run_replay(which: Which, *, dry_run: bool, output: OutputFormat) -> None:
    """Re-admit what is accepted now, and say what became of the rest."""
    settings = read_settings()
    lake = open_lake(settings.lake, settings.lake_options, create=False)
    done = Readmitter(lake, Decoder(topics_of(settings.environment)), utc_now).run(which, dry_run=dry_run)
    rows = _outcomes(done, dry_run=dry_run)
    if not any(row["letters"] for row in rows):
        sys.stderr.write("omninode: no dead letters are waiting\n")
    if done.readmitted and not dry_run:
        sys.stderr.write("omninode: now bring the statistics up to them: omninode refresh\n")
    title = f"Dead letters of {settings.lake}, read again{': nothing was written' if dry_run else ''}"
    print_rows(rows, _OUTCOME_COLUMNS, output, title=title)


_OUTCOME_COLUMNS = [
    Column("outcome", lambda row: str(row["outcome"]), is_number=False),
    Column("letters", lambda row: f"{row['letters']:,}"),
]


def _outcomes(done: Readmission, *, dry_run: bool) -> list[Row]:
    rows = [("would be re-admitted" if dry_run else "re-admitted", done.readmitted)]
    if done.present:
        rows.append(("in the lake already", done.present))
    rows += [(f"still refused: {reason}", count) for reason, count in done.refused.most_common()]
    return [{"outcome": outcome, "letters": count} for outcome, count in rows]


def _say_if_none(rows: Sequence[Row], which: Which) -> None:
    if not rows:
        among = "" if which == Which() else " among those asked for"
        sys.stderr.write(f"omninode: no dead letters{among}\n")
