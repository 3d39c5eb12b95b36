"""The lake: Delta tables of Parquet micro-batches, which keep Kafka's offsets in the same commit as the rows."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import DeltaError

from ingest.added_columns import added_columns, conformed
from ingest.delta_table import (
    check_writable,
    dead_letters_url,
    events_url,
    one_line,
    open_or_create,
    store_failures,
    writer_properties,
)
from ingest.errors import Fenced, LakeFailure
from ingest.gap_table import append_gaps, read_gaps
from ingest.gaps import GapReason
from ingest.log_keeping import NO_HOOKS, keep_log_short
from ingest.micro_batch import (
    READMISSIONS,
    Advance,
    Change,
    MicroBatch,
    batch_metadata,
    change_by,
    changes_of,
    events_metadata,
)
from ingest.offsets import KeptOffsets
from ingest.partition_id import PartitionId
from ingest.reading import Reading, open_reading
from ingest.readmitted import readmitted_events
from ingest.recovery import events_not_in, letters_not_in
from ingest.schema import DEAD_LETTERS, DEAD_LETTERS_PARTITION_BY, EVENTS, EVENTS_PARTITION_BY


@dataclass(slots=True)
class Lake:
    """The two tables of a lake, open for appending. Make one with `open_lake`."""

    url: str
    storage_options: dict[str, str]
    _events: DeltaTable
    _dead_letters: DeltaTable
    _writer: WriterProperties = field(default_factory=lambda: writer_properties())
    #: Partitions of which this object knows that their dead letters are not ahead of their events.
    _settled: set[PartitionId] = field(default_factory=set)
    _offsets: KeptOffsets = field(init=False)

    def __post_init__(self) -> None:
        self._offsets = KeptOffsets(self._events)

    @property
    def events_url(self) -> str:
        """Where the table of events is, for those who read it."""
        return events_url(self.url)

    @property
    def lake_id(self) -> str:
        """The events table's own id: versions of another lake do not compare with this one's."""
        return str(self._events.metadata().id)

    @property
    def version(self) -> int:
        """The version of the events table as this object last saw it."""
        return self._events.version()

    def refresh(self) -> None:
        """See what others have committed since."""
        self._settled.clear()
        with self._failures():
            self._events.update_incremental()
            self._dead_letters.update_incremental()

    def next_offset(self, partition: PartitionId) -> int | None:
        """Return the offset to read next in this partition, None if nothing of it is in the lake."""
        with self._failures():
            return self._offsets.next_offset(partition)

    def read(self) -> Reading:
        """Open the events for reading as this object last saw them."""
        with self._failures():
            return self._reading(self.version)

    def read_version(self, version: int) -> Reading | None:
        """Open the events as they were at a version; None if the log does not reach that far."""
        try:
            return self._reading(version)
        except (DeltaError, OSError):
            return None

    def _reading(self, version: int) -> Reading:
        return open_reading(self.url, self.lake_id, version, self.storage_options)

    def read_dead_letters(self) -> pl.LazyFrame:
        """Open the dead letters for reading as this object last saw them: see `ingest.schema.DEAD_LETTERS`."""
        with self._failures():
            version, options = self._dead_letters.version(), self.storage_options
            return pl.scan_delta(DeltaTable(dead_letters_url(self.url), version=version, storage_options=options))

    @property
    def added_columns(self) -> dict[str, pl.DataType]:
        """The columns of the events beyond `ingest.schema.EVENTS`, as this object last saw them."""
        return added_columns(self._events)

    def add_column(self, name: str, data_type: pl.DataType) -> None:
        """Add a nullable column to the events. Raises `Fenced` if the table has changed since this object saw it."""
        column = Schema.from_arrow(pl.Schema({name: data_type}).to_frame().to_arrow().schema)
        with self._failures():
            self._events.alter.add_columns(column.fields)

    def append(self, batch: MicroBatch) -> Change:
        """Commit a micro-batch: rows and offsets together, or neither.

        Raises `Fenced` if another writer has moved on one of its partitions: seek to `next_offset` and go on.
        """
        if batch.gaps:
            # What seems to be a gap may be in the lake already, by another writer: look before it is written down.
            self.refresh()
        self._check_advances(batch.advances)
        with self._failures():
            self._append_gaps(batch)
        ahead = self._places_with_letters_ahead(batch.advances)
        self._settled.difference_update(batch.advances)
        self._append_dead_letters(batch)
        if ahead:
            with self._failures():
                batch = self._without_readmitted(batch)
        before = self.version
        self._commit(self._events, conformed(batch.events, self.added_columns), batch.advances, events_metadata(batch))
        self._offsets.note({place: advance.next_offset for place, advance in batch.advances.items()}, after=before)
        self._settled.update(batch.advances.keys() - ahead)
        return change_by(batch, self.version)

    def find(self, batch: MicroBatch) -> Change | None:
        """Return what a micro-batch did if it is in the lake: a commit may succeed and still end with an error."""
        self.refresh()
        if not batch.advances or any(
            self.next_offset(place) != advance.next_offset for place, advance in batch.advances.items()
        ):
            return None
        return change_by(batch, self.version)

    def gaps(self) -> pl.DataFrame:
        """Return what Kafka no longer had when it was to be read, see `ingest.gaps.GAPS`; oldest first."""
        with self._failures():
            return read_gaps(self.url, self.storage_options)

    def changes_since(self, version: int) -> list[Change] | None:
        """Return what was committed after a version, oldest first; None if the log does not reach back that far."""
        while True:
            self.refresh()
            seen = self._events.version()
            if seen <= version:
                return []
            with self._failures():
                commits = self._events.history(seen - version)
                self._events.update_incremental()
            # The history numbers what is newest by what this object has seen: so nobody may have committed meanwhile.
            if self._events.version() == seen:
                return self._changes(commits, seen - version)

    def _changes(self, commits: Sequence[Mapping[str, Any]], count: int) -> list[Change] | None:
        if len(commits) < count or any("version" not in commit for commit in commits):
            return None
        return changes_of(reversed(commits))

    def _check_advances(self, advances: Mapping[PartitionId, Advance]) -> None:
        # Delta's own check compares with the version this object has read: a refreshed object would hide a conflict.
        for partition, advance in advances.items():
            if self.next_offset(partition) != advance.continues_from:
                raise Fenced(partition.app_id)

    def _places_with_letters_ahead(self, advances: Mapping[PartitionId, Advance]) -> set[PartitionId]:
        """Return the partitions of which somebody died between the dead letters and the events."""
        with self._failures():
            return {
                place
                for place, advance in advances.items()
                if place not in self._settled
                and (self._dead_letters.transaction_version(place.app_id) or 0) > (advance.continues_from or 0)
            }

    def _without_readmitted(self, batch: MicroBatch) -> MicroBatch:
        """Leave out events that came into the lake as dead letters of a process that died, and were re-admitted since.

        While that can be, nobody else may re-admit: so the commit moves what a re-admission continues from.
        """
        events = events_not_in(batch.events, readmitted_events(self.read().events))
        count = self.next_offset(READMISSIONS)
        return replace(batch, events=events, advances={**batch.advances, READMISSIONS: Advance(count, count or 0)})

    def _append_gaps(self, batch: MicroBatch) -> None:
        """Gaps go before everything else, so that none can be passed in silence; what is here already is left out."""
        if not batch.gaps:
            return
        append_gaps(self.url, batch.gaps, self.storage_options, batch_metadata(batch))
        # Kafka gives the offsets of what it lost to other messages: those are no second try of the old ones.
        rewound = {gap.place: Advance(None, gap.resume_at) for gap in batch.gaps if gap.reason is GapReason.TRUNCATED}
        if rewound:
            self._commit(self._dead_letters, DEAD_LETTERS.to_frame(), rewound, batch_metadata(batch))

    def _append_dead_letters(self, batch: MicroBatch) -> None:
        """Dead letters go first. If we die in between, their messages are read again, perhaps in other batches:

        what is here already is left out, and the offset kept here never goes back.
        """
        if batch.dead_letters.is_empty():
            return
        with self._failures():
            kept = {place: self._dead_letters.transaction_version(place.app_id) or 0 for place in batch.advances}
        beyond = _from_offsets(kept)
        again = batch.dead_letters.filter(~beyond)
        if not again.is_empty():
            with self._failures():
                again = letters_not_in(again, self.read_dead_letters())
        rows = pl.concat([again, batch.dead_letters.filter(beyond)])
        if not rows.is_empty():
            further = {
                place: advance._replace(next_offset=max(advance.next_offset, kept[place]))
                for place, advance in batch.advances.items()
            }
            self._commit(self._dead_letters, rows, further, batch_metadata(batch))

    def _commit(
        self,
        table: DeltaTable,
        rows: pl.DataFrame,
        advances: Mapping[PartitionId, Advance],
        metadata: dict[str, str],
    ) -> None:
        offsets = [Transaction(partition.app_id, advance.next_offset) for partition, advance in advances.items()]
        properties = CommitProperties(custom_metadata=metadata, app_transactions=offsets)
        check_writable(self.url, table)
        with self._failures():
            write_deltalake(
                table,
                rows,
                mode="append",
                commit_properties=properties,
                post_commithook_properties=NO_HOOKS,
                writer_properties=self._writer,
            )
        keep_log_short(table)

    def _failures(self) -> AbstractContextManager[None]:
        return store_failures(self.url)


def open_lake(url: str, storage_options: Mapping[str, str] | None = None, *, create: bool = True) -> Lake:
    """Open the lake at a folder or an object store's URL, and make its tables if they are not there.

    create: if not, a lake that is not there is a `LakeFailure`: who only wants to look leaves nothing behind.
    """
    options = dict(storage_options or {})
    try:
        if not create and not DeltaTable.is_deltatable(events_url(url), storage_options=options):
            raise LakeFailure(f"there is no lake at {url}; run `omninode ingest`, or set OMNINODE_LAKE to where it is")
        if "://" not in url:
            Path(url).mkdir(parents=True, exist_ok=True)
        events = open_or_create(events_url(url), EVENTS, EVENTS_PARTITION_BY, options)
        letters = open_or_create(dead_letters_url(url), DEAD_LETTERS, DEAD_LETTERS_PARTITION_BY, options)
    except (DeltaError, OSError) as error:
        credentials = ", and its credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY," if "://" in url else ""
        raise LakeFailure(
            f"lake {url}: {one_line(error)}; set OMNINODE_LAKE{credentials} to a place that can be used"
        ) from error
    return Lake(url, options, events, letters)


def _from_offsets(kept: Mapping[PartitionId, int]) -> pl.Expr:
    """Rows of offsets that the table does not have yet."""
    return pl.any_horizontal(
        (pl.col("topic") == partition.topic)
        & (pl.col("partition") == partition.partition)
        & (pl.col("offset") >= next_offset)
        for partition, next_offset in kept.items()
    )
