"""From events to transitions: the whole history of each workflow, as its events tell it. Pure functions of frames."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import polars as pl

from ingest.uuids import uuid5s
from pipelines.lifecycle.accepted import accepted
from pipelines.lifecycle.attempts import NEEDED, attempts_of
from pipelines.lifecycle.commands import TRANSITIONS as NAMESPACE
from pipelines.lifecycle.correlations import correlations_of, several_correlations
from pipelines.lifecycle.digests import event_digests
from pipelines.lifecycle.refused import refused
from pipelines.lifecycle.schema import CORRELATIONS, TRANSITIONS, WORKFLOWS

#: So many workflows at a time.
BATCH = 100_000
_AHEAD = 2


class Histories(NamedTuple):
    """What events say, as `schema.WORKFLOWS`, `schema.TRANSITIONS` and `schema.CORRELATIONS`, all by workflow_id."""

    workflows: pl.DataFrame
    transitions: pl.DataFrame
    correlations: pl.DataFrame


def histories(events: pl.LazyFrame, /) -> Histories:
    """Derive the histories of all workflows in these events; give all events of each.

    events: columns of the lake's events, in any order, with copies. The same events give the same rows and ids.
    """
    told = list(histories_in_batches(events))
    return Histories(
        pl.concat([WORKFLOWS.to_frame(), *(batch.workflows for batch in told)]),
        pl.concat([TRANSITIONS.to_frame(), *(batch.transitions for batch in told)]),
        pl.concat([CORRELATIONS.to_frame(), *(batch.correlations for batch in told)]),
    )


def histories_in_batches(events: pl.LazyFrame, /, *, size: int = BATCH) -> Iterator[Histories]:
    """Derive them as `histories` does, so many workflows at a time: the memory needed is that of their attempts."""
    attempts, ends = attempts_of(events.select(NEEDED))
    several = several_correlations(events, attempts)
    chained = _chained(attempts)
    ends = ends.join(chained.select("workflow_id", "number").unique(), on="workflow_id").sort("number")
    firsts = range(1, 1 + chained["workflow_id"].n_unique(), size)
    yield from _ahead(
        lambda first: _told(_numbered(chained, first, size), _numbered(ends, first, size), several), firsts
    )


def _ahead(make: Callable[[int], Histories], firsts: Sequence[int]) -> Iterator[Histories]:
    """Make one batch while another is made or used: the steps of one batch alone do not fill the processors."""
    with ThreadPoolExecutor(_AHEAD, thread_name_prefix="histories") as executor:
        under_way = deque(executor.submit(make, first) for first in firsts[:_AHEAD])
        for first in firsts[_AHEAD:]:
            made = under_way.popleft().result()
            under_way.append(executor.submit(make, first))
            yield made
        for future in under_way:
            yield future.result()


def _numbered(frame: pl.DataFrame, first: int, size: int) -> pl.DataFrame:
    """The rows of so many workflows from one on; the frame is sorted by their number."""
    begin, end = frame["number"].search_sorted(pl.Series([first, first + size])).to_list()
    return frame[begin:end]


def _told(chained: pl.DataFrame, ends: pl.DataFrame, several: pl.DataFrame) -> Histories:
    made = accepted(chained)
    transitions = pl.concat([made, refused(chained, ends)], how="diagonal").rechunk().pipe(_identified)
    return Histories(
        _workflows(made, chained, event_digests(chained, ends)),
        transitions.select(_cast(TRANSITIONS)),
        correlations_of(chained, several),
    )


def _chained(ordered: pl.DataFrame) -> pl.DataFrame:
    """Tell of each attempt how the one before it ended; `number` counts the workflows."""
    same = (pl.col("workflow_id") == pl.col("workflow_id").shift(1)).fill_null(value=False)
    completed = (pl.col("outcome") == "completed").fill_null(value=False)
    numbered = ordered.with_columns(is_next=same, number=(~same).cum_sum())
    ended = completed.cast(pl.Int32).cum_sum().shift(1, fill_value=0)
    before = numbered.with_columns(_ended=ended, _first=pl.when(~pl.col("is_next")).then(ended).forward_fill())
    is_over = pl.col("_ended") > pl.col("_first")
    previous_open = pl.col("is_next") & pl.col("outcome").shift(1).is_null()
    return before.with_columns(is_over=is_over).with_columns(
        abandoned_at=pl.when(previous_open & ~is_over).then("began_at"),
        retried_at=pl.when(pl.col("is_next") & ~is_over).then("began_at"),
        completed_at=pl.when(pl.col("outcome") == "completed").then("ended_at"),
        failed_at=pl.when(pl.col("outcome") == "failed").then("ended_at"),
    )


def _identified(transitions: pl.DataFrame) -> pl.DataFrame:
    return transitions.with_columns(transition_id=uuid5s(NAMESPACE, transitions["name"]))


def _workflows(made: pl.DataFrame, chained: pl.DataFrame, digests: pl.DataFrame) -> pl.DataFrame:
    is_last = (pl.col("number") != pl.col("number").shift(-1)).fill_null(value=True)
    last = made.filter(is_last)
    known = chained.group_by("number").agg(
        pl.col("began_at").first().alias("created_at"),
        pl.col("node_type").drop_nulls().first(),
        pl.col("domain").drop_nulls().first(),
        pl.col("correlation_id").drop_nulls().last().alias("its_correlation_id"),
    )
    return (
        last.join(known, on="number", how="left", maintain_order="left")
        .join(digests, on="number", how="left", maintain_order="left")
        .with_columns(
            current_state="to_state",
            previous_state="from_state",
            state_entry_time="transition_timestamp",
            transition_count="transition_number",
            correlation_id="its_correlation_id",
            is_terminal=pl.col("to_state").is_in(["COMPLETED", "FAILED"]),
            metadata=pl.struct("node_type", "domain").struct.json_encode(),
        )
        .select(_cast(WORKFLOWS))
    )


def _cast(schema: pl.Schema) -> list[pl.Expr]:
    return [pl.col(name).cast(data_type) for name, data_type in schema.items()]
