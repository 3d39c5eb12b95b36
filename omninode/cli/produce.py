"""`omninode produce`: publish made-up events."""

from collections.abc import Iterator
from datetime import datetime

from ingest.kinds import EventKind
from ingest.producer import Outgoing, publish
from ingest.synthetic import synthetic_messages
from omninode.cli.door import read_settings
from omninode.cli.output import console
from omninode.cli.progress import phase, phases
from omninode.environment import instant
from pipelines.parts import kafka


def run_produce(*, workflows: int, seed: int, days: int, start: str) -> None:
    """Publish the events of so many workflows, and say how many there were."""
    begin = instant(start, "--start")
    with kafka(read_settings()) as cluster, phases() as progress:
        line = phase(progress, "publish")
        messages = made_up(workflows=workflows, seed=seed, days=days, start=begin)
        published = publish(cluster, messages, on_progress=line.at)
        line.done(published)
    console().print(f"published {published:,} messages to {cluster.bootstrap_servers}")


def made_up(*, workflows: int, seed: int, days: int, start: datetime) -> Iterator[Outgoing]:
    """Yield made-up messages, ready to publish."""
    for message in synthetic_messages(workflows=workflows, seed=seed, start=start, days=days):
        yield Outgoing(EventKind(message.kind), message.key, message.value, message.timestamp)
