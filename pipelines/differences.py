"""How rows of statistics differ: by row, and by the number in it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sql.metric_rows import Metric

#: What a row says of its making rather than of the events.
_MAKING = {"lake_id", "lake_version", "checked_lake_version", "updated_at"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One number of a row before and after; None: unknown or, in a new or vanished row, not there."""

    name: str
    before: Any
    after: Any

    @property
    def change(self) -> int | float | Decimal | None:
        """After less before; None where one of them is no number."""
        if not all(isinstance(value, int | float | Decimal) for value in (self.before, self.after)):
            return None
        change: int | float | Decimal = _same(self.after, self.before)
        return change


@dataclass(frozen=True, slots=True)
class RowChange:
    """What became, or would become, of one row: `inserted`, `updated` or `deleted`."""

    outcome: str
    aggregation_id: str
    window_type: str
    window_start: datetime
    aggregation_type: str
    group_key: str
    differences: tuple[Difference, ...]


def row_changes(before: Sequence[Metric], after: Sequence[Metric], /) -> list[RowChange]:
    """Compare the rows of some windows by their ids; rows without a difference are left out."""
    old, new = ({row["aggregation_id"]: row for row in rows} for rows in (before, after))
    found = (_change(old.get(key), new.get(key)) for key in {**old, **new})
    return sorted(
        (change for change in found if change is not None),
        key=lambda change: (change.window_start, change.window_type, change.aggregation_type, change.group_key),
    )


def differences(before: Mapping[str, Any], after: Mapping[str, Any], /) -> tuple[Difference, ...]:
    """Compare two rows by what the events say, numbers inside of statistics under names like `cost_statistics.cost_n`.

    >>> [found.name for found in differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}})]
    ['a.c']
    """
    old, new = dict(_flat(before)), dict(_flat(after))
    names = [*old, *(name for name in new if name not in old)]
    return tuple(Difference(name, old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name))


def _change(old: Metric | None, new: Metric | None) -> RowChange | None:
    found = differences(old or {}, new or {})
    row = new or old
    if not found or row is None:
        return None
    outcome = "inserted" if old is None else "deleted" if new is None else "updated"
    names = ("aggregation_id", "window_type", "window_start", "aggregation_type", "group_key")
    identity = {name: row[name] for name in names}
    told = tuple(difference for difference in found if difference.name not in (*names, "window_end"))
    return RowChange(outcome, differences=told, **identity)


def _flat(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif name not in _MAKING:
            yield prefix + name, value


def _same(after: Any, before: Any) -> Any:
    """Subtract, as decimals if one of them is."""
    if Decimal in (type(after), type(before)):
        return Decimal(str(after)) - Decimal(str(before))
    return after - before
