"""From refused events to right statistics: a fix, a replay of the dead letters, a refresh."""

from datetime import datetime, timedelta
from pathlib import Path

from ingest.decode import Decoder
from ingest.kinds import EventKind, topics_of
from ingest.lake import Lake, open_lake
from ingest.limits import Limits
from ingest.micro_batch import Advance, MicroBatch
from ingest.partition_id import PartitionId
from ingest.readmit import Readmitter
from pipelines.enums import EnumWindowType
from pipelines.refresh import Refresher
from sql.connection import Connection, connect
from sql.metric_store import MetricStore
from tests.messages import ENVIRONMENT, NOW, batch, value
from tests.statistics import all_statistics, without

_HOUR = timedelta(hours=1)
_STEP = 2 * _HOUR


def _bring(lake: Lake, *, now: datetime) -> None:
    """Ingest three generations, two hours between each; the third is two hours after `NOW`."""
    for number, kind in enumerate((EventKind.STARTED, EventKind.COMPLETED)):
        messages = batch([_event(kind, generation) for generation in range(3)], kind=kind)
        place = PartitionId("cluster", messages.topics[0], 3)
        read = Decoder(topics_of(ENVIRONMENT)).decode(messages, now=now, batch_id=f"batch {number}")
        lake.append(MicroBatch(f"batch {number}", read.events, read.dead_letters, {place: Advance(None, 3)}))


def _event(kind: EventKind, generation: int) -> bytes:
    workflow = f"00000000-0000-4000-8000-00000000000{generation}"
    time = NOW + (generation - 1) * _STEP + timedelta(minutes=1 if kind is EventKind.STARTED else 3)
    payload = {"workflow_id": workflow, "timestamp": time.isoformat(), "node_type": "effect", "domain": "api"}
    return value(payload | ({"total_tokens": 100 * generation} if kind is EventKind.COMPLETED else {}))


def test_refresh_repairs_exactly_what_came_in(tmp_path: Path, database: Connection, database_url: str) -> None:
    """Events from the future are refused, and by wider limits re-admitted; the next refresh makes just their windows,

    and all rows are as if nothing had ever been refused.
    """
    lake = open_lake(str(tmp_path / "lake"))
    _bring(lake, now=NOW)
    refresher = Refresher(lake, MetricStore(database))
    refresher.refresh()
    assert _hours(database_url) == [NOW - _STEP, NOW]

    fixed = Decoder(topics_of(ENVIRONMENT), Limits(max_ahead=3 * _HOUR))
    assert Readmitter(open_lake(lake.url), fixed, lambda: NOW).run().readmitted == 2
    report = refresher.refresh()

    repaired = [window.start for window in report.windows[EnumWindowType.HOURLY]]
    # The lake's time has moved on by two hours: what was in flight for a day by then could be abandoned now.
    assert repaired == [NOW - 24 * _HOUR, NOW - 23 * _HOUR, NOW + _STEP]
    assert _hours(database_url) == [NOW - _STEP, NOW, NOW + _STEP]
    never_refused = open_lake(str(tmp_path / "other"))
    _bring(never_refused, now=NOW + 2 * _STEP)
    rows = without(all_statistics(database_url))
    Refresher(never_refused, MetricStore(database)).refresh()
    assert without(all_statistics(database_url)) == rows


def _hours(url: str) -> list[datetime]:
    """The hours in which a generation ended, as Postgres has them."""
    with connect(url) as connection:
        rows = MetricStore(connection).read_metrics("hourly", "time_window")
    return [row["window_start"] for row in rows if row["successful_generations"]]
