"""Lakes for tests: micro-batches made by hand, and what a lake holds."""

from collections.abc import Iterable, Sequence

import polars as pl

from ingest.decode import Decoder
from ingest.kinds import EventKind, topic_of, topics_of
from ingest.lake import Lake
from ingest.messages import Messages
from ingest.micro_batch import Advance, MicroBatch
from ingest.partition_id import PartitionId
from ingest.schema import DEAD_LETTERS, EVENTS
from ingest.synthetic import SyntheticMessage
from tests.events import Event, frame
from tests.messages import batch, completed, decode

PLACE = PartitionId("cluster", "test.omninode-bridge.codegen.generation-completed.v1", 3)


def read_events(lake: str) -> pl.DataFrame:
    """Return all events of a lake."""
    return pl.read_delta(f"{lake}/events")


def read_dead_letters(lake: str) -> pl.DataFrame:
    """Return all dead letters of a lake."""
    return pl.read_delta(f"{lake}/dead_letters")


def micro_batch(
    first: int, good: int, bad: int = 0, *, place: PartitionId = PLACE, name: str | None = None
) -> MicroBatch:
    """So many good messages from an offset on, then so many bad ones."""
    decoded = decode(batch([completed()] * good + [b"bad"] * bad, kind=EventKind.COMPLETED, first_offset=first))
    batch_id = name or f"batch-{first}"
    events, letters = (rows.with_columns(batch_id=pl.lit(batch_id)) for rows in (decoded.events, decoded.dead_letters))
    return MicroBatch(batch_id, events, letters, {place: Advance(first or None, first + good + bad)})


def append_rows(lake: Lake, rows: Sequence[Event], *, name: str) -> None:
    """Append rows of events as one micro-batch of a partition of its own."""
    events = frame(*rows).with_columns(batch_id=pl.lit(name))
    assert events.schema == EVENTS
    place = PartitionId("by hand", name, 0)
    lake.append(MicroBatch(name, events, pl.DataFrame(schema=DEAD_LETTERS), {place: Advance(None, len(rows))}))


def append_messages(lake: Lake, messages: Iterable[SyntheticMessage], *, name: str) -> None:
    """Append what becomes of messages as one micro-batch of a partition of its own."""
    given = list(messages)
    received = Messages(
        topics=[topic_of(EventKind(message.kind), "test") for message in given],
        partitions=[0] * len(given),
        offsets=list(range(len(given))),
        timestamps_ms=[int(message.timestamp.timestamp() * 1000) for message in given],
        values=[message.value for message in given],
    )
    now = max(message.timestamp for message in given)
    decoded = Decoder(topics_of("test")).decode(received, now=now, batch_id=name)
    place = PartitionId("by hand", name, 0)
    lake.append(MicroBatch(name, decoded.events, decoded.dead_letters, {place: Advance(None, len(given))}))
