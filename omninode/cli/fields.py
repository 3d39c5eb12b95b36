"""`omninode fields`: the fields that no contract knows, and how one becomes a column."""

import sys

from ingest.fields import UnknownField, unknown_fields
from ingest.lake import Lake, open_lake
from ingest.promote import promote, promoted_fields
from ingest.schema import EVENTS
from omninode.cli.choices import FieldType
from omninode.cli.door import read_settings
from omninode.cli.letter_rows import shown
from omninode.cli.output import Column, OutputFormat, Row, console, print_rows
from omninode.errors import BadInput


def run_fields(output: OutputFormat) -> None:
    """Print which unknown fields the lake's events have."""
    settings = read_settings()
    lake = open_lake(settings.lake, settings.lake_options, create=False)
    promoted = promoted_fields(lake)
    rows = [_row(unknown, promoted.get(unknown.name), output) for unknown in unknown_fields(lake)]
    if not rows:
        sys.stderr.write("omninode: no event has a field that is unknown\n")
    print_rows(rows, _COLUMNS, output, title=f"Fields of the events in {settings.lake} that no contract knows")


def run_promote(name: str, field_type: FieldType) -> None:
    """Make an unknown field a column, and say so."""
    settings = read_settings()
    lake = open_lake(settings.lake, settings.lake_options, create=False)
    _check_seen(lake, name)
    is_new = promote(lake, name, field_type)
    promised = "is a column from now on" if is_new else "was promoted before"
    console().print(f"{name} ({field_type.value}) {promised}", markup=False)


def _check_seen(lake: Lake, name: str) -> None:
    """A column stays for good, and nobody would see one that is misspelled."""
    known = {*promoted_fields(lake), *EVENTS, *(unknown.name for unknown in unknown_fields(lake))}
    if name not in known:
        raise BadInput(f"no event in the lake has a field {name!r}; see: omninode fields")


def _row(unknown: UnknownField, promoted: str | None, output: OutputFormat) -> Row:
    kinds, types = sorted(unknown.kinds), sorted(unknown.types)
    return {
        "name": unknown.name,
        "events": unknown.count,
        "kinds": " ".join(kinds) if output is OutputFormat.CSV else kinds,
        "types": " ".join(types) if output is OutputFormat.CSV else types,
        "first_seen": unknown.first_seen,
        "last_seen": unknown.last_seen,
        "promoted": promoted,
    }


_COLUMNS = [
    Column("field", lambda row: shown(row["name"]), is_number=False),
    Column("events", lambda row: f"{row['events']:,}"),
    Column("kinds", lambda row: ", ".join(row["kinds"]), is_number=False),
    Column("JSON types", lambda row: ", ".join(row["types"]), is_number=False),
    Column("first seen (UTC)", lambda row: f"{row['first_seen']:%Y-%m-%d %H:%M:%S}", is_number=False),
    Column("last seen (UTC)", lambda row: f"{row['last_seen']:%Y-%m-%d %H:%M:%S}", is_number=False),
    Column("promoted as", lambda row: row["promoted"] or "-", is_number=False),
]
