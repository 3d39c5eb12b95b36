"""`omninode refresh`: bring the statistics up to the lake."""

from datetime import datetime

from ingest.lake import Lake, open_lake
from omninode.cli.door import instant, read_settings, utc_now
from omninode.cli.output import Column, OutputFormat, Row, print_rows
from omninode.errors import BadInput
from omninode.settings import Settings
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


def run_refresh(*, window: EnumWindowType | None, start: str | None, end: str | None, output: OutputFormat) -> None:
    """Refresh what changed or, with a window type, the windows between two times."""
    settings = read_settings()
    asked = _asked(window, instant(start, "--start"), instant(end, "--end"))
    report = refresh_lake(settings, open_lake(settings.lake, settings.lake_options), asked)
    title = f"Refreshed {report.window_count:,} windows to lake version {report.lake_version} in {report.seconds:.2f} s"
    print_rows(refreshed_rows(report), REFRESHED_COLUMNS, output, title=title)


def refresh_lake(
    settings: Settings, lake: Lake, asked: tuple[EnumWindowType, datetime, datetime] | None = None
) -> RefreshReport:
    """Refresh what changed, or the windows of a type that share a time with [start, end)."""
    with postgres(settings) as url, connect(url) as connection:
        refresher = Refresher(lake, MetricStore(connection))
        if asked is None:
            return refresher.refresh()
        window_type, start, end = asked
        return refresher.refresh_windows({window_type: windows_between(start, end, window_type)})


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
