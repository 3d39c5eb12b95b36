"""`omninode gaps`: messages that never came into the lake, because Kafka did not have them any more."""

from ingest.gaps import GapReason
from ingest.lake import open_lake
from omninode.cli.door import read_settings
from omninode.cli.output import Column, OutputFormat, Row, print_rows

_COLUMNS = [
    Column("noticed (UTC)", lambda row: f"{row['noticed_at']:%Y-%m-%d %H:%M:%S}", is_number=False),
    Column("topic", lambda row: str(row["topic"]), is_number=False),
    Column("partition", lambda row: str(row["partition"])),
    Column("first", lambda row: f"{row['first_offset']:,}"),
    Column("last", lambda row: f"{row['next_offset'] - 1:,}"),
    Column("messages", lambda row: f"{_messages(row):,}"),
    Column("reason", lambda row: str(row["reason"]), is_number=False),
]


def run_gaps(output: OutputFormat) -> None:
    """Print a row for each gap, oldest first."""
    settings = read_settings()
    rows = open_lake(settings.lake, settings.lake_options, create=False).gaps().to_dicts()
    # What Kafka lost after it was read is in the lake, together with what has its offsets now.
    missing = sum(_messages(row) for row in rows if row["reason"] != GapReason.TRUNCATED)
    title = (
        f"{missing:,} messages are missing in {settings.lake}" if missing else f"Nothing is missing in {settings.lake}"
    )
    print_rows([{**row, "messages": _messages(row)} for row in rows], _COLUMNS, output, title=title)


def _messages(row: Row) -> int:
    count: int = row["next_offset"] - row["first_offset"]
    return count
