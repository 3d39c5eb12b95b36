"""`omninode lag`: how far the lake is behind Kafka."""

from datetime import datetime

from ingest.lag import measure_lag
from ingest.lake import open_lake
from ingest.progress import PartitionLag
from omninode.cli.door import read_settings, utc_now
from omninode.cli.output import Column, OutputFormat, Row, print_rows
from pipelines.parts import kafka

_COLUMNS = [
    Column("topic", lambda row: str(row["topic"]), is_number=False),
    Column("partition", lambda row: str(row["partition"])),
    Column("committed", lambda row: _count(row["committed_offset"])),
    Column("in Kafka", lambda row: _count(row["high_watermark"])),
    Column("lag", lambda row: _count(row["lag_messages"])),
    Column("latest event (UTC)", lambda row: _time(row["latest_event_time"])),
    Column("its age s", lambda row: _count(row["event_time_lag_seconds"])),
]


def run_lag(output: OutputFormat) -> None:
    """Ask Kafka and the lake, and print a row for each partition."""
    settings = read_settings()
    lake = open_lake(settings.lake, settings.lake_options)
    with kafka(settings) as cluster:
        lags = measure_lag(cluster, lake)
    rows = [_row(lag, utc_now()) for lag in lags]
    behind = sum(row["lag_messages"] or 0 for row in rows)
    print_rows(rows, _COLUMNS, output, title=f"{behind:,} messages are not yet in {settings.lake}")


def _row(lag: PartitionLag, now: datetime) -> Row:
    seconds = lag.event_time_seconds(now)
    return {
        "topic": lag.place.topic,
        "partition": lag.place.partition,
        "committed_offset": lag.committed_offset,
        "high_watermark": lag.high_watermark,
        "lag_messages": lag.messages,
        "latest_event_time": lag.event_time,
        "event_time_lag_seconds": None if seconds is None else round(seconds, 3),
    }


def _count(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _time(value: datetime | None) -> str:
    return "-" if value is None else f"{value:%Y-%m-%d %H:%M:%S}"
