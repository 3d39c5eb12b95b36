"""Do stored rows say what the oracle says?"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from assets.oracle.oracle import Row

_OF_KEY = ("window_type", "window_start", "aggregation_type", "group_key")
#: Where each of the oracle's numbers stands in a row; the rest are columns of their own.
_NESTED = {
    "duration_statistics": {
        **{f"{name}_duration_seconds": f"{name}_seconds" for name in ("avg", "p50", "p95", "p99", "min", "max")},
        "duration_n": "n",
        "p95_is_weak": "p95_is_weak",
        "p99_is_weak": "p99_is_weak",
        "failed_avg_seconds": "failed_avg_seconds",
        "failed_duration_n": "failed_n",
    },
    "quality_statistics": {
        **{f"{name}_quality": f"{name}_score" for name in ("avg", "min", "max")},
        "quality_n": "n",
    },
    "cost_statistics": {
        "avg_tokens": "avg_tokens_per_generation",
        "avg_cost_usd": "avg_cost_per_generation",
        **{name: name for name in ("total_tokens", "tokens_n", "total_cost_usd", "cost_n", "known_cost_share")},
        **{name: name for name in ("failed_tokens", "failed_tokens_n", "failed_cost_usd", "failed_cost_n")},
        "cost_per_success_usd": "cost_per_success_usd",
    },
    "attempt_statistics": {
        name: name
        for name in (
            *("first_attempts", "first_attempt_successes", "first_attempt_success_rate", "retried_attempts"),
            *("final_attempts", "eventual_successes", "eventual_success_rate"),
        )
    },
}
_PLACE = {name: (column, key) for column, names in _NESTED.items() for name, key in names.items()}
#: The database keeps four decimals of a rate; averages have nine, and interpolations differ in the last digits.
_RATE_TOLERANCE, _TOLERANCE, _RELATIVE = 0.00005001, 2e-9, 1e-9
#: The oracle's breakdowns: the column of a row, and the oracle's name of the member.
_BREAKDOWNS = {"stages": ("stage_statistics", "stage"), "models": ("model_statistics", "model")} | {
    "node_types": ("node_type_statistics", "node_type")
}
_PERCENTILES = ("p50_", "p95_", "p99_")
_MEMBER = {"duration_n": "n", "p50_duration_seconds": "p50_seconds", "p95_duration_seconds": "p95_seconds"}


def disagreements(rows: Sequence[Row], told: Sequence[Row], breakdowns: Mapping[str, Sequence[Row]]) -> list[str]:
    """Return where rows of the table differ from the oracle's, one line each; nothing if they agree.

    told: the oracle's statistics of the same windows. breakdowns: its `stages`, `models` and `node_types` of them.
    """
    ours, theirs = ({_key(row): row for row in side} for side in (rows, told))
    lines = [f"{_name(key)}: the oracle has no such row" for key in ours if key not in theirs]
    lines += [f"{_name(key)}: there is no such row" for key in theirs if key not in ours]
    both = [key for key in theirs if key in ours]
    lines += [line for key in both for line in _numbers(_name(key), ours[key], theirs[key])]
    for name, (column, member) in _BREAKDOWNS.items():
        expected: dict[tuple[Any, ...], dict[str, Row]] = {}
        for row in breakdowns.get(name, ()):
            expected.setdefault(_key(row), {})[row[member]] = row
        for key in both:
            lines += _members(f"{_name(key)} {column}", ours[key], column, expected.get(key, {}), member)
    return lines


def _numbers(name: str, row: Row, told: Row) -> Iterator[str]:
    for number, expected in told.items():
        if number in _OF_KEY:
            continue
        column, key = _PLACE.get(number, (number, ""))
        found = (row[column] or {}).get(key) if key else row[column]
        tolerance = _RATE_TOLERANCE if number == "success_rate" else _TOLERANCE
        if not _agree(found, expected, tolerance, _relative(row, number)):
            yield f"{name}: {number} is {found}, the oracle says {expected}"


def _members(name: str, row: Row, column: str, expected: Mapping[str, Row], member: str) -> Iterator[str]:
    found = row[column] or {}
    if set(found) != set(expected):
        yield f"{name}: {sorted(found)}, the oracle says {sorted(expected)}"
        return
    for key, told in expected.items():
        for number, value in told.items():
            ours = found[key].get(_MEMBER.get(number, number))
            if number not in (*_OF_KEY, member) and not _agree(ours, value, _TOLERANCE, _relative(row, number)):
                yield f"{name} {key}: {number} is {ours}, the oracle says {value}"


def _relative(row: Row, number: str) -> float:
    """How far a number may be off: a percentile that was merged from sketches as far as its row says."""
    stated = (row["duration_statistics"] or {}).get("relative_error") or 0
    return _RELATIVE + (float(stated) if number.startswith(_PERCENTILES) else 0)


def _agree(found: Any, expected: Any, tolerance: float, relative: float) -> bool:
    if isinstance(expected, float) and found is not None:
        return abs(float(found) - expected) <= max(relative * abs(expected), tolerance)
    return bool(found == expected)


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in _OF_KEY)


def _name(key: tuple[Any, ...]) -> str:
    window_type, start, *group = key
    return f"{window_type} {start:%Y-%m-%dT%H:%MZ} {' '.join(group)}"
