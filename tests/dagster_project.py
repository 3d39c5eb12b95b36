"""A project folder of a test's own, in which Dagster is started with nothing set; and events in its lake."""

import os
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from ingest.decode import Decoder
from ingest.kinds import EventKind, topic_of, topics_of
from ingest.lake import open_lake
from ingest.messages import Messages
from ingest.micro_batch import Advance, MicroBatch
from ingest.partition_id import PartitionId
from ingest.synthetic import synthetic_messages

ROOT = Path(__file__).parent.parent
_PACKAGES = ["assets", "ingest", "notebooks", "omninode", "pipelines", "registry", "sql"]
_FILES = ["dagster.yaml", "pyproject.toml"]
_NOW = datetime(2025, 12, 1, tzinfo=UTC)


def make_project(folder: Path) -> Path:
    """Make the folder look like the root of the repository; whatever is kept, is kept in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in [*_PACKAGES, *_FILES]:
        (folder / name).symlink_to(ROOT / name)
    return folder


def nothing_set(home: Path) -> dict[str, str]:
    """The environment without any variable of ours or of Dagster's, in a home directory that nobody has used.

    Dagster keeps there who has been greeted. One variable is set: a test sends no telemetry.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMNINODE_", "DAGSTER_"))}
    return kept | {"HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "1"}


def fill_lake(url: str, *, workflows: int, start: datetime, days: int) -> None:
    """Put the generator's events into a lake, as if they had come through Kafka in a few micro-batches."""
    lake = open_lake(url)
    messages = iter(synthetic_messages(workflows=workflows, seed=7, start=start, days=days))
    offset, topics = 0, topics_of("dev")
    while batch := list(islice(messages, 4000)):
        decoded = Decoder(topics).decode(
            Messages(
                topics=[topic_of(EventKind(message.kind), "dev") for message in batch],
                partitions=[0] * len(batch),
                offsets=list(range(offset, offset + len(batch))),
                timestamps_ms=[int(message.timestamp.timestamp() * 1000) for message in batch],
                values=[message.value for message in batch],
            ),
            now=_NOW,
            batch_id=f"batch-{offset}",
        )
        lake.append(MicroBatch(f"batch-{offset}", decoded.events, decoded.dead_letters, _advances(offset, len(batch))))
        offset += len(batch)


def _advances(offset: int, count: int) -> dict[PartitionId, Advance]:
    place = PartitionId("test-cluster", "all", 0)
    return {place: Advance(offset or None, offset + count)}
