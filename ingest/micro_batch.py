"""What goes into the lake in one commit, and what such a commit did."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import polars as pl

from ingest.gaps import Gap
from ingest.partition_id import PartitionId

_BATCH_ID = "omninode.batch_id"
_HOURS = "omninode.hours"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: How many dead letters were re-admitted so far is kept in the log like the offset of a partition.
READMISSIONS = PartitionId("omninode", "readmitted-letters", 0)


class Advance(NamedTuple):
    """The offset that a micro-batch continues from (None: the first ever), and the one that comes after it."""

    continues_from: int | None
    next_offset: int


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """What one commit brings: rows, how far it reads in each partition, and what was no longer to be read there."""

    batch_id: str
    events: pl.DataFrame
    dead_letters: pl.DataFrame
    advances: Mapping[PartitionId, Advance]
    gaps: Sequence[Gap] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit did: the version it made, its micro-batch and the hours (UTC) of the events it brought."""

    version: int
    batch_id: str
    hours: tuple[datetime, ...]


def batch_metadata(batch: MicroBatch) -> dict[str, str]:
    """What a commit of the micro-batch says of itself in the log."""
    return {_BATCH_ID: batch.batch_id}


def events_metadata(batch: MicroBatch) -> dict[str, str]:
    """What the commit of its events says: the hours, too."""
    return {**batch_metadata(batch), _HOURS: json.dumps(_hours(batch.events))}


def change_by(batch: MicroBatch, version: int) -> Change:
    """What the micro-batch did with the commit that made this version."""
    return Change(version, batch.batch_id, _instants(_hours(batch.events)))


def changes_of(commits: Iterable[Mapping[str, Any]]) -> list[Change]:
    """What commits in the log did, in their order; those that brought no micro-batch are left out."""
    return [
        Change(commit["version"], commit[_BATCH_ID], _instants(json.loads(commit[_HOURS])))
        for commit in commits
        if _BATCH_ID in commit
    ]


def _hours(events: pl.DataFrame) -> list[int]:
    hours = events.select(pl.col("event_time").dt.epoch("s") // 3600).to_series()
    return sorted(hours.unique().to_list())


def _instants(hours: Iterable[int]) -> tuple[datetime, ...]:
    return tuple(_EPOCH + timedelta(hours=hour) for hour in hours)
