"""Do the stored rows agree with each other, and with the lake that they were made from?"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from pipelines.enums import EnumAggregationType
from pipelines.schema import ATTEMPT_COUNTS, COUNTS
from sql.metric_rows import Metric

Number = int | Decimal

#: Counts and sums inside the JSON columns, which add up over the groups. A sum that nobody knows adds nothing.
_SUMS = {
    "duration_statistics": ["n", "failed_n"],
    "quality_statistics": ["n"],
    "cost_statistics": [
        *("total_tokens", "total_cost_usd", "tokens_n", "cost_n"),
        *("failed_tokens", "failed_cost_usd", "failed_tokens_n", "failed_cost_n"),
    ],
    "attempt_statistics": ATTEMPT_COUNTS,
}


def contradictions(rows: Sequence[Metric], *, lake_id: str, lake_version: int) -> list[str]:
    """Return what is wrong with the rows of some windows, one line each; nothing if all is well.

    In each window the groups of every strategy must add up to the same numbers, and no row may be made from another
    lake, or from a version that this lake has not reached.
    """
    return [*_strategies_that_differ(rows), *_foreign_rows(rows, lake_id, lake_version)]


def _strategies_that_differ(rows: Iterable[Metric]) -> Iterable[str]:
    windows: dict[datetime, dict[str, list[Metric]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        windows[row["window_start"]][row["aggregation_type"]].append(row)
    for start, strategies in sorted(windows.items()):
        whole = _totals(strategies[EnumAggregationType.TIME_WINDOW.value])
        for strategy in EnumAggregationType:
            found = _totals(strategies[strategy.value])
            for name, number in whole.items():
                if found[name] != number:
                    yield f"{start:%Y-%m-%dT%H:%MZ}: {name} is {found[name]} by {strategy.value}, {number} as a whole"


def _totals(rows: Iterable[Metric]) -> dict[str, Number]:
    totals: dict[str, Number] = dict.fromkeys(COUNTS, 0)
    totals |= {f"{column}.{name}": 0 for column, names in _SUMS.items() for name in names}
    for row in rows:
        for name, number in _numbers(row):
            totals[name] += number
    return totals


def _numbers(row: Mapping[str, object]) -> Iterable[tuple[str, Number]]:
    for name in COUNTS:
        yield name, _number(row[name])
    for column, names in _SUMS.items():
        statistics = row[column] or {}  # an older version of the program did not know it
        assert isinstance(statistics, Mapping)
        for name in names:
            yield f"{column}.{name}", _number(statistics.get(name))


def _number(value: object) -> Number:
    return value if isinstance(value, int | Decimal) else 0


def _foreign_rows(rows: Iterable[Metric], lake_id: str, lake_version: int) -> Iterable[str]:
    for row in rows:
        name = f"{row['window_start']:%Y-%m-%dT%H:%MZ} {row['aggregation_type']} {row['group_key']}"
        if row["lake_id"] != lake_id:
            yield f"{name}: made from another lake, {row['lake_id']}"
        elif row["checked_lake_version"] > lake_version:
            yield f"{name}: made from version {row['checked_lake_version']}, the lake is at {lake_version}"
