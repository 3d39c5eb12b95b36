"""What `demo`, `replay` and `ingest` share: from Kafka into the lake, with a count of what came."""

import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from types import FrameType

from ingest.broker import is_kept
from ingest.cap import DeadLetterCap
from ingest.decode import Decoder
from ingest.ingestor import Committed, Ingestor
from ingest.kafka import KafkaSettings
from ingest.lake import Lake
from ingest.policy import NEVER_GIVE_UP, RetryPolicy
from ingest.source import KafkaSource
from omninode.cli.door import utc_now
from omninode.cli.output import Column
from omninode.errors import Interrupted
from omninode.settings import Settings


@dataclass(slots=True)
class Loaded:
    """What one run of ingest brought into the lake."""

    events: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def messages(self) -> int:
        """All messages, accepted or refused."""
        return self.events + self.refused.total()

    def note(self, committed: Committed) -> None:
        """Add a micro-batch."""
        self.events += committed.events.height
        self.refused.update(committed.dead_letters["reason"].to_list())

    def rows(self) -> list[dict[str, object]]:
        """Return how many messages were accepted, and refused for which reason."""
        refused = [{"outcome": f"refused: {reason}", "messages": count} for reason, count in self.refused.most_common()]
        return [{"outcome": "accepted", "messages": self.events}, *refused]


def hint_at_dead_letters(loaded: Loaded) -> None:
    """Say on standard error where refused messages are, if there are any."""
    refused = loaded.refused.total()
    if refused:
        sys.stderr.write(f"omninode: {refused:,} messages were refused; see: omninode dead-letters list\n")


LOADED_COLUMNS = [
    Column("outcome", lambda row: str(row["outcome"]), is_number=False),
    Column("messages", lambda row: f"{row['messages']:,}"),
]


def load(
    settings: Settings,
    kafka: KafkaSettings,
    lake: Lake,
    *,
    until_end: bool,
    stop: Event,
    all_partitions: bool = False,
    on_progress: Callable[[Loaded], None] = lambda _: None,
) -> Loaded:
    """Ingest until told to stop, or until the end of the topics; raises `Interrupted` if told before that end."""
    loaded = Loaded()

    def note(committed: Committed) -> None:
        loaded.note(committed)
        on_progress(loaded)

    with open_ingestor(settings, kafka, lake, is_service=not until_end, all_partitions=all_partitions) as ingestor:
        ingestor.on_commit = note
        ingestor.run(stop=stop, until_end=until_end)
        if until_end and not ingestor.source.at_end:
            raise Interrupted(f"interrupted: {loaded.messages:,} messages are in the lake, {_the_rest(settings)}")
    return loaded


def _the_rest(settings: Settings) -> str:
    if settings.kafka_bootstrap_servers is None and not is_kept(settings.home / "broker"):
        return "the others went with the embedded broker"
    return "the others are still in Kafka; `omninode ingest` goes on from there"


@contextmanager
def open_ingestor(
    settings: Settings, kafka: KafkaSettings, lake: Lake, *, is_service: bool, all_partitions: bool = False
) -> Iterator[Ingestor]:
    """Yield what moves messages into the lake.

    A service waits for a Kafka and a lake that are away, for good, and shares the partitions with others like it; of
    the embedded broker, which goes with its last user, it reads all. Who works until the end fails instead.
    """
    is_ours = settings.kafka_bootstrap_servers is None
    source = KafkaSource(kafka, is_patient=is_service and not is_ours)
    try:
        yield Ingestor(
            source,
            lake,
            Decoder(kafka.topics),
            utc_now,
            shares=is_service and not is_ours and not all_partitions,
            retry=NEVER_GIVE_UP if is_service else RetryPolicy(),
            cap=DeadLetterCap(settings.dead_letter_cap),
        )
    finally:
        source.close()


@contextmanager
def stop_on_signal() -> Iterator[Event]:
    """Yield an event that SIGINT and SIGTERM set: what was fetched is then still committed.

    Who asks twice does not want to wait for that.
    """
    stop = Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
