"""All cuts of a few rows in one group-by: most of the time that they would take is what each group-by takes for itself.

Rows are placed in windows and groups by number, and each stands there once for every cut that it is in: so the
rows are many times as many, and of many rows each cut is grouped by itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from ingest.schema import TIMESTAMP
from pipelines.cuts import GROUP_KEY, Cut, cut
from pipelines.enums import EnumAggregationType, EnumWindowType
from pipelines.windows import Window, windows_over

Numbers = npt.NDArray[np.int64]

#: How many rows are few: beyond, as many group-bys as there are cuts are quicker.
FEW = 5_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NEVER = -(2**62)


def few_or_lazy(frame: pl.LazyFrame | pl.DataFrame, /) -> pl.LazyFrame | pl.DataFrame:
    """Return a frame of a few rows as it is, any other as a lazy one: `cut_any` takes each in its own way."""
    return frame if isinstance(frame, pl.DataFrame) and frame.height <= FEW else frame.lazy()


def cut_any(
    frame: pl.LazyFrame | pl.DataFrame,
    /,
    cuts: Sequence[Cut],
    measures: Sequence[pl.Expr],
    *,
    by: Sequence[str] = (),
) -> pl.LazyFrame:
    """Return what `cuts.cut` returns, of a frame that is not lazy by way of `cut_at_once`."""
    if isinstance(frame, pl.LazyFrame):
        return cut(frame, cuts, measures, by=by)
    return cut_at_once(frame, cuts, measures, by=by).lazy()


def cut_at_once(
    frame: pl.DataFrame, /, cuts: Sequence[Cut], measures: Sequence[pl.Expr], *, by: Sequence[str] = ()
) -> pl.DataFrame:
    """Return what `cuts.cut` returns, in another order of rows and columns. There must be a cut."""
    places = list(_places(frame["instant"], cuts))
    row = np.concatenate([place.row for place in places])
    needed = {name for measure in measures for name in measure.meta.root_names()} | set(by)
    placed = frame.select(pl.col(sorted(needed)).gather(row)).with_columns(
        _group_keys(frame, places), _place=np.concatenate([place.window + place.first for place in places])
    )
    labels = _labels(places).with_row_index("_place").cast({"_place": pl.Int64})
    return placed.group_by("_place", "group_key", *by).agg(measures).join(labels, on="_place").drop("_place")


class _Place(NamedTuple):
    """The rows of one cut, and its windows, numbered from `first` on over all cuts."""

    window_type: EnumWindowType
    aggregation_type: EnumAggregationType
    starts: Numbers
    ends: Numbers
    first: int
    #: Numbers of rows, and of each the number of its window in the cut.
    row: Numbers
    window: Numbers


def _places(instant: pl.Series, cuts: Sequence[Cut]) -> Iterator[_Place]:
    instants = instant.to_physical().fill_null(_NEVER).to_numpy()
    first = 0
    for (window_type, _), of_type in groupby(cuts, key=lambda cut: (cut[0], id(cut[2]))):
        same = list(of_type)
        windows = same[0][2]
        wanted = sorted(windows_over(instant.drop_nulls().unique(), window_type) if windows is None else windows)
        starts, ends, row, window = _within(instants, wanted)
        for _, aggregation_type, _ in same:
            yield _Place(window_type, aggregation_type, starts, ends, first, row, window)
            first += len(wanted)


def _within(instants: Numbers, windows: Sequence[Window]) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Starts and ends of the windows; the rows that are in one, and in which."""
    starts, ends = (_microseconds(bounds) for bounds in ([w.start for w in windows], [w.end for w in windows]))
    window = np.searchsorted(starts, instants, side="right") - 1
    row = np.flatnonzero((window >= 0) & (instants < np.append(ends, _NEVER)[window]))
    return starts, ends, row, window[row]


def _microseconds(instants: Sequence[datetime]) -> Numbers:
    return np.fromiter(((instant - _EPOCH) // _MICROSECOND for instant in instants), np.int64, len(instants))


def _group_keys(frame: pl.DataFrame, places: Sequence[_Place]) -> pl.Series:
    """The groups of the rows of all places, one below the other."""
    # "instant" is there for its height alone: a strategy may be a constant.
    keys = frame.select("instant", *(key.alias(strategy) for strategy, key in GROUP_KEY.items()))
    offset = {strategy: number * frame.height for number, strategy in enumerate(GROUP_KEY)}
    row = np.concatenate([place.row + offset[place.aggregation_type] for place in places])
    return pl.concat([keys[strategy] for strategy in GROUP_KEY]).gather(row).alias("group_key")


def _labels(places: Sequence[_Place]) -> pl.DataFrame:
    """What else `cuts.CUT_KEY` names, for every window of every cut, in order of their numbers."""
    columns = {
        "window_type": _texts(str(place.window_type) for place in places for _ in place.starts),
        "window_start": np.concatenate([place.starts for place in places]),
        "aggregation_type": _texts(str(place.aggregation_type) for place in places for _ in place.starts),
        "window_end": np.concatenate([place.ends for place in places]),
    }
    return pl.DataFrame(columns).cast({"window_start": TIMESTAMP, "window_end": TIMESTAMP})


def _texts(texts: Iterable[str]) -> pl.Series:
    return pl.Series(list(texts), dtype=pl.String)
