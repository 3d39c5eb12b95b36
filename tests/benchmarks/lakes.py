"""Lakes of many small days, made quickly: as a long history looks after compaction, a few files a day."""

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from ingest.decode import Decoder
from ingest.kinds import topic_of, topics_of
from ingest.lake import Lake, open_lake
from ingest.messages import Messages
from ingest.micro_batch import Advance, MicroBatch
from ingest.partition_id import PartitionId
from ingest.schema import DEAD_LETTERS
from tests.benchmarks.guide_events import EVENTS_PER_WORKFLOW, guide_events

DAY = timedelta(days=1)
_DECODER = Decoder(topics_of("bench"))
_PARTITION = PartitionId("bench", "bench", 0)
_DAYS_A_COMMIT = 15


def make_lake(folder: Path, *, days: int, events_per_day: int, end: datetime) -> Lake:
    """Make a lake of so many whole days before `end`, with the same number of events and two files for each."""
    lake = open_lake(str(folder))
    for first in range(0, days, _DAYS_A_COMMIT):
        count = min(_DAYS_A_COMMIT, days - first)
        begin = end - DAY * (days - first)
        workflows = events_per_day * count // EVENTS_PER_WORKFLOW
        events = events_between(begin, count * DAY, workflows=workflows, seed=first)
        for half in (events.gather_every(2), events.gather_every(2, 1)):
            append(lake, half, name=f"{begin.isoformat()}/{half.height}")
    return lake


def events_between(start: datetime, period: timedelta, *, workflows: int, seed: int) -> pl.DataFrame:
    """Return the events of these workflows as the lake has them. All begin within the period and end soon after."""
    outgoing = list(guide_events(workflows=workflows, seed=seed, start=start, period=period))
    messages = Messages(
        topics=[topic_of(message.kind, "bench") for message in outgoing],
        partitions=[0] * len(outgoing),
        offsets=list(range(len(outgoing))),
        timestamps_ms=[None] * len(outgoing),
        values=[message.value for message in outgoing],
    )
    now = start + period + DAY
    return _DECODER.decode(messages, now=now, batch_id="").events


def append(lake: Lake, events: pl.DataFrame, *, name: str) -> None:
    """Commit events as one micro-batch of this name."""
    begin = lake.next_offset(_PARTITION)
    named = events.with_columns(batch_id=pl.lit(name))
    advance = Advance(begin, (begin or 0) + events.height)
    lake.append(MicroBatch(name, named, pl.DataFrame(schema=DEAD_LETTERS), {_PARTITION: advance}))
