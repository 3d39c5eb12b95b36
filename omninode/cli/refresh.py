"""`omninode refresh`: bring the statistics up to the lake."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from ingest.lake import Lake, open_lake
from omninode.cli.door import instant, read_settings, utc_now
from omninode.cli.output import Column, OutputFormat, Row, console, print_rows
from omninode.errors import BadInput
from omninode.settings import Settings
from pipelines.differences import RowChange
from pipelines.enums import EnumWindowType
from pipelines.parts import postgres
from pipelines.refresh import Refresher, RefreshReport
from pipelines.windows import windows_between
from sql.connection import connect
from sql.metric_store import MetricStore

REFRESHED_COLUMNS = [
    Column("rows", lambda row: str(row["outcome"]), is_number=False),
    Column("count", lambda row: f"{row['rows']:,}"),
]


#: Windows of each type that are named to people; JSON and CSV name the rows' counts alone.
_NAMED = 12

CHANGED_COLUMNS = [
    Column("row", lambda row: str(row["outcome"]), is_number=False),
    Column("window (UTC)", lambda row: f"{row['window_type']} {row['window_start']:%Y-%m-%d %H:%M}", is_number=False),
    Column("group", lambda row: f"{row['aggregation_type']} {row['group_key']}", is_number=False),
    Column("number", lambda row: str(row["name"]), is_number=False),
    Column("before", lambda row: _spelled(row["before"])),
    Column("after", lambda row: _spelled(row["after"])),
    Column("change", lambda row: _spelled(row["change"])),
]


def run_refresh(
    *, window: EnumWindowType | None, start: str | None, end: str | None, dry_run: bool, output: OutputFormat
) -> None:
    """Refresh what changed or, with a window type, the windows between two times; or say what that would change."""
    settings = read_settings()
    asked = _asked(window, instant(start, "--start"), instant(end, "--end"))
    lake = open_lake(settings.lake, settings.lake_options)
    report = refresh_lake(settings, lake, asked, dry_run=dry_run)
    if report.changes is not None:
        title = f"{len(report.changes):,} rows would change, in {report.window_count:,} windows; nothing was written"
        print_rows(changed_rows(report.changes), CHANGED_COLUMNS, output, title=title)
        return
    title = f"Refreshed {report.window_count:,} windows to lake version {report.lake_version} in {report.seconds:.2f} s"
    print_rows(refreshed_rows(report), REFRESHED_COLUMNS, output, title=title)
    if output is OutputFormat.TABLE:
        for line in window_lines(report):
            console().print(line)


def changed_rows(changes: Sequence[RowChange]) -> list[Row]:
    """Return one row per number that differs, under the identity of its row of statistics."""
    names = ("outcome", "aggregation_id", "window_type", "window_start", "aggregation_type", "group_key")
    return [
        {name: getattr(change, name) for name in names}
        | {"name": found.name, "before": found.before, "after": found.after, "change": found.change}
        for change in changes
        for found in change.differences
    ]


def window_lines(report: RefreshReport) -> list[str]:
    """Return a line for each window type that names the windows which were computed; of many, the latest."""
    lines = []
    for window_type, windows in report.windows.items():
        starts = [f"{window.start:%Y-%m-%d %H:%M}" for window in sorted(windows)]
        more = f"{len(starts) - _NAMED:,} earlier ones, " if len(starts) > _NAMED else ""
        lines.append(f"{window_type.value} ({len(starts):,}): {more}{', '.join(starts[-_NAMED:])}")
    return lines


def _spelled(value: object) -> str:
    """Unknown is a dash; a long fraction is cut where people stop reading."""
    match value:
        case None:
            return "-"
        case float() | Decimal():
            return f"{value:,.6g}"
        case _:
            return str(value)


def refresh_lake(
    settings: Settings,
    lake: Lake,
    asked: tuple[EnumWindowType, datetime, datetime] | None = None,
    *,
    dry_run: bool = False,
) -> RefreshReport:
    """Refresh what changed, or the windows of a type that share a time with [start, end)."""
    with postgres(settings) as url, connect(url) as connection:
        refresher = Refresher(lake, MetricStore(connection))
        if asked is None:
            return refresher.refresh(dry_run=dry_run)
        window_type, start, end = asked
        return refresher.refresh_windows({window_type: windows_between(start, end, window_type)}, dry_run=dry_run)


def refreshed_rows(report: RefreshReport) -> list[Row]:
    """Return what became of the rows."""
    outcomes = ("inserted", "updated", "unchanged", "deleted", "superseded")
    return [{"outcome": name, "rows": getattr(report.rows, name, 0)} for name in outcomes]


def _asked(
    window: EnumWindowType | None, start: datetime | None, end: datetime | None
) -> tuple[EnumWindowType, datetime, datetime] | None:
    if window is None:
        if start or end:
            raise BadInput("--start and --end go with --window: say which windows to compute again")
        return None
    if start is None:
        raise BadInput("--window needs --start: say from when on to compute the windows again")
    return window, start, end or utc_now()
