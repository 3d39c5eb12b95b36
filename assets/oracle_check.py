"""The check that lets nothing pass which an independent computation from the raw events does not confirm."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice

import dagster as dg

from assets.checks import run_windows
from assets.names import statistics_key
from assets.oracle.agreement import disagreements
from assets.oracle.oracle import Oracle
from ingest.lake import Lake
from pipelines.compute import events_around
from pipelines.enums import EnumWindowType
from pipelines.snapshot import Snapshot, as_of_hour, days_around, snapshot_at, snapshot_of
from pipelines.windows import Window
from sql.metric_rows import Metric
from sql.metric_store import MetricStore

#: The oracle holds the events in memory: of a large run, the latest windows that have no more than this together.
MOST_EVENTS = 3_000_000
#: A check that is started alone looks at this many of the latest windows.
_LATEST = 100
_SHOWN = 20


def oracle_check(window_type: EnumWindowType) -> dg.AssetChecksDefinition:
    """Make the check of one window type. It is blocking: what is downstream waits until it has passed."""

    @dg.asset_check(
        asset=statistics_key(window_type),
        name=f"{window_type.value}_rows_equal_the_oracles",
        blocking=True,
        description=(
            "Every number of the run's windows, computed again from the raw events by an oracle written in SQL for "
            "DuckDB. `windows_left_out` tells of how many windows there were too many events for it; "
            f"started alone, the check looks at the latest {_LATEST} windows."
        ),
    )
    def rows_equal_the_oracles(
        context: dg.AssetCheckExecutionContext,
        lake: dg.ResourceParam[Lake],
        metric_store: dg.ResourceParam[MetricStore],
    ) -> dg.AssetCheckResult:
        windows = run_windows(context, window_type) or _latest_windows(metric_store, window_type)
        found, checked = check_windows(lake, metric_store, windows)
        return dg.AssetCheckResult(
            passed=not found,
            metadata={
                "windows": len(windows),
                "windows_checked": checked,
                "windows_left_out": len(windows) - checked,
                "disagreements": len(found),
                "first_disagreements": found[:_SHOWN],
            },
        )

    return rows_equal_the_oracles


def check_windows(
    lake: Lake, store: MetricStore, windows: Sequence[Window], *, most_events: int = MOST_EVENTS
) -> tuple[list[str], int]:
    """Return what is wrong with the rows of these windows, of one type, and how many of them could be looked at."""
    rows = store.read_windows([(window.window_type.value, window.start) for window in windows])
    by_window: dict[Window, list[Metric]] = defaultdict(list)
    for row in rows:
        by_window[Window(EnumWindowType(row["window_type"]), row["window_start"])].append(row)
    lines: list[str] = []
    checked = 0
    for version, of_version in _by_version(store, windows, by_window).items():
        snapshot = (snapshot_at(lake, version) if version is not None else None) or snapshot_of(lake)
        fitting = _fitting(snapshot, of_version, most_events)
        lines += _compare(snapshot, fitting, [row for window in fitting for row in by_window[window]])
        checked += len(fitting)
    return lines, checked


def _by_version(
    store: MetricStore, windows: Sequence[Window], rows: Mapping[Window, list[Metric]]
) -> dict[int | None, list[Window]]:
    """Which version of the lake each window is to agree with: where it was computed last, or the refresh has come.

    A window that the refresh did not compute again did not change until there.
    """
    progress = store.progress("statistics")
    least = -1 if progress is None else progress.lake_version
    made = {window: max((row["checked_lake_version"] for row in rows[window]), default=-1) for window in windows}
    latest = max([least, *made.values()])
    found: dict[int | None, list[Window]] = defaultdict(list)
    for window in windows:
        version = max(least, made[window]) if made[window] >= 0 else latest
        found[version if version >= 0 else None].append(window)
    return found


def _fitting(snapshot: Snapshot, windows: Sequence[Window], most_events: int) -> list[Window]:
    """The latest windows around which there are no more events than that."""
    days = snapshot.events_around(days_around(windows)).group_by("event_date").len().collect()
    counts = dict(days.iter_rows())
    taken: set[object] = set()
    fitting: list[Window] = []
    for window in sorted(windows, reverse=True):
        around = {*taken, *days_around([window])}
        if sum(counts.get(day, 0) for day in around) > most_events:
            break
        taken = around
        fitting.append(window)
    return fitting


def _compare(snapshot: Snapshot, windows: Sequence[Window], rows: Sequence[Metric]) -> list[str]:
    as_of = as_of_hour(snapshot)
    if not windows or as_of is None:
        return [f"{len(rows)} rows, but the lake has no events"] if rows else []
    wanted = {(window.window_type.value, window.start) for window in windows}

    def of_windows(told: list[Metric]) -> list[Metric]:
        return [row for row in told if (row["window_type"], row["window_start"]) in wanted]

    with Oracle(events_around(snapshot, windows)) as oracle:
        breakdowns = {name: of_windows(oracle.breakdown(name)) for name in ("stages", "models", "node_types")}
        return disagreements(rows, of_windows(oracle.statistics(as_of=as_of)), breakdowns)


def _latest_windows(store: MetricStore, window_type: EnumWindowType) -> list[Window]:
    starts = {row["window_start"] for row in store.read_metrics(window_type.value, "time_window")}
    return [Window(window_type, start) for start in islice(sorted(starts, reverse=True), _LATEST)]
