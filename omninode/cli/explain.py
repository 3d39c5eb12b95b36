"""`omninode explain`: what is behind a row of the statistics."""

import sys
from typing import Any

import polars as pl

from ingest.lake import open_lake
from omninode.cli.door import read_settings
from omninode.cli.output import Column, OutputFormat, Row, console, json_text, print_rows, print_table
from pipelines.explain import Explanation, explain
from pipelines.parts import postgres
from sql.connection import connect
from sql.metric_store import MetricStore

_COLUMNS = [
    Column("generation", lambda row: f"{row['workflow_id']} #{row['attempt']}", is_number=False),
    Column("counts as", lambda row: ", ".join(row["counts_as"]), is_number=False),
    Column("outcome", lambda row: str(row["outcome"] or "unfinished"), is_number=False),
    Column("event", lambda row: str(row["kind"]), is_number=False),
    Column("time (UTC)", lambda row: f"{row['event_time']:%Y-%m-%d %H:%M:%S}", is_number=False),
    Column("topic", lambda row: str(row["topic"]), is_number=False),
    Column("partition", lambda row: str(row["partition"])),
    Column("offset", lambda row: str(row["offset"])),
]
_DIFFERENCES = [
    Column("number", lambda row: str(row["name"]), is_number=False),
    Column("stored", lambda row: str(row["before"])),
    Column("computed again", lambda row: str(row["after"])),
]


def run_explain(aggregation_id: str, *, limit: int, output: OutputFormat) -> None:
    """Print the row's verdict, then its generations with their events; as CSV the events alone."""
    settings = read_settings()
    lake = open_lake(settings.lake, settings.lake_options, create=False)
    with postgres(settings) as url, connect(url) as connection:
        found = explain(lake, MetricStore(connection), aggregation_id)
    listed = found.generations.head(limit) if limit else found.generations
    match output:
        case OutputFormat.JSON:
            sys.stdout.write(json_text(_document(found, listed)) + "\n")
        case OutputFormat.CSV:
            print_rows(_event_rows(found, listed), _COLUMNS, output, title="")
        case OutputFormat.TABLE:
            _print_for_people(found, listed)


def _print_for_people(found: Explanation, listed: pl.DataFrame) -> None:
    row, out = found.row, console()
    out.print(f"{row['window_type']} {row['window_start']:%Y-%m-%d %H:%M} {row['aggregation_type']} {row['group_key']}")
    out.print(f"Read from the lake: {found.way}.")
    if found.agrees:
        out.print("Computed again, it is the stored row, number for number.")
    else:
        differences = [{"name": d.name, "before": d.before, "after": d.after} for d in found.differences]
        print_table(differences, _DIFFERENCES, title="Computed again, it differs:")
    title = f"{found.generations.height:,} generations, {listed.height:,} listed"
    print_table(_event_rows(found, listed), _COLUMNS, title=title)


def _document(found: Explanation, listed: pl.DataFrame) -> dict[str, Any]:
    events = found.events.partition_by("workflow_id", "attempt", as_dict=True)
    generations = [
        generation | {"events": _events(events.get((generation["workflow_id"], generation["attempt"])))}
        for generation in listed.to_dicts()
    ]
    return {
        "row": found.row,
        "lake_version": found.lake_version,
        "read_as": found.way,
        "agrees": found.agrees,
        "differences": [{"name": d.name, "stored": d.before, "recomputed": d.after} for d in found.differences],
        "recomputed": found.recomputed,
        "generations_total": found.generations.height,
        "generations": generations,
    }


def _events(events: pl.DataFrame | None) -> list[Row]:
    return [] if events is None else list(events.drop("workflow_id", "attempt").to_dicts())


def _event_rows(found: Explanation, listed: pl.DataFrame) -> list[Row]:
    """One row per delivery of an event of the listed generations, in their order."""
    generations = listed.select("workflow_id", "attempt", "counts_as", "outcome")
    return list(generations.join(found.events, on=["workflow_id", "attempt"], maintain_order="left_right").to_dicts())
