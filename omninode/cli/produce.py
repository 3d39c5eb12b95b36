"""`omninode produce`: publish made-up events."""

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta

from ingest.broker import is_kept
from ingest.kinds import EventKind
from ingest.producer import Outgoing, publish
from ingest.synthetic import synthetic_messages
from omninode.cli.door import read_settings
from omninode.cli.output import console
from omninode.cli.progress import phase, phases
from omninode.environment import instant
from omninode.errors import BadInput
from pipelines.parts import kafka

#: Workflows that begin on the last day end later, and some of their events come later still.
_SLACK = timedelta(days=60)


def run_produce(*, workflows: int, seed: int, days: int, start: str) -> None:
    """Publish the events of so many workflows, and say how many there were."""
    begin = instant(start, "--start")
    _check_end(begin, days, start)
    settings = read_settings()
    with kafka(settings) as cluster, phases() as progress:
        line = phase(progress, "publish")
        messages = made_up(workflows=workflows, seed=seed, days=days, start=begin)
        published = publish(cluster, messages, on_progress=line.at)
        line.done(published)
    console().print(f"published {published:,} messages to {cluster.bootstrap_servers}")
    if settings.kafka_bootstrap_servers is None and not is_kept(settings.home / "broker"):
        sys.stderr.write(
            "omninode: the embedded broker has stopped, and the events went with it; "
            "start `omninode up` first, in another terminal, to have them ingested\n"
        )


def _check_end(begin: datetime, days: int, start: str) -> None:
    try:
        begin + timedelta(days=days) + _SLACK
    except OverflowError as error:
        raise BadInput(f"--start: {days} days from {start} on go beyond the year 9999; begin earlier") from error


def made_up(*, workflows: int, seed: int, days: int, start: datetime) -> Iterator[Outgoing]:
    """Yield made-up messages, ready to publish."""
    for message in synthetic_messages(workflows=workflows, seed=seed, start=start, days=days):
        yield Outgoing(EventKind(message.kind), message.key, message.value, message.timestamp)
