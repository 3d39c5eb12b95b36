"""The commands one by one, against a broker and a database that are set."""

import csv
import io
from pathlib import Path

import pytest

from ingest.kafka import KafkaSettings
from tests.command import CommandLine
from tests.lakes import read_events
from tests.statistics import all_statistics, without


@pytest.fixture
def command(tmp_path: Path, kafka: KafkaSettings, database_url: str) -> CommandLine:
    """The command line with a test's own broker, database and lake."""
    variables = {
        "OMNINODE_HOME": str(tmp_path / "home"),
        "OMNINODE_ENV": kafka.environment,
        "OMNINODE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "OMNINODE_POSTGRES_URL": database_url,
        "OMNINODE_LAKE": str(tmp_path / "lake"),
    }
    return CommandLine(tmp_path, variables)


def test_produce_ingest_refresh_stats(command: CommandLine, tmp_path: Path, database_url: str) -> None:
    """Each command does its own step: after the last one the statistics are there, in every format alike."""
    assert "published" in command.done("produce", "--workflows", "40", "--days", "2")
    taken = {row["outcome"]: row["messages"] for row in command.rows("ingest", "--until-end")}
    assert taken["accepted"] == read_events(str(tmp_path / "lake")).height
    made = {row["outcome"]: row["rows"] for row in command.rows("refresh")}
    assert made["inserted"] == sum(map(len, all_statistics(database_url).values()))

    stats = ("stats", "--window", "daily", "--by", "node_type_grouping")
    rows = command.rows(*stats)
    printed = list(csv.DictReader(io.StringIO(command.done(*stats, "--format", "csv"))))
    assert [row["group_key"] for row in printed] == [row["group_key"] for row in rows] != []
    assert all(row["group_key"] in command.done(*stats) for row in rows[:1])
    second = rows[-1]["window_start"]
    assert command.rows(*stats, "--start", second) == [row for row in rows if row["window_start"] >= second]
    assert command.rows(*stats, "--end", second) == [row for row in rows if row["window_start"] < second]


def test_windows_are_computed_again_on_demand(command: CommandLine, database_url: str) -> None:
    """`refresh --window` makes rows that were lost anew, the same as they were."""
    command.done("produce", "--workflows", "40", "--days", "2")
    command.done("ingest", "--until-end")
    command.done("refresh")
    before = without(all_statistics(database_url))["daily", "time_window"]
    again = {
        row["outcome"]: row["rows"]
        for row in command.rows("refresh", "--window", "daily", "--start", "2025-09-01", "--end", "2025-12-01")
    }
    assert (again["inserted"], again["updated"], again["deleted"]) == (0, 0, 0)
    assert again["unchanged"] > 0
    assert without(all_statistics(database_url))["daily", "time_window"] == before


@pytest.mark.parametrize(
    ("arguments", "described"),
    [
        (("frobnicate",), "omninode --help"),
        (("produce", "--workflows", "0"), "omninode produce --help"),
        (("workflow", "list", "--frobnicate"), "omninode workflow list --help"),
    ],
)
def test_words_that_are_no_command_get_one_line(tmp_path: Path, arguments: tuple[str, ...], described: str) -> None:
    """An unknown command, option or value is bad input: exit code 2 and one line, with where to read on."""
    finished = CommandLine(tmp_path, {}).run(*arguments)
    assert finished.returncode == 2
    assert len(finished.stderr.strip().splitlines()) == 1
    assert finished.stderr.endswith(f"; see: {described}\n")


def test_help_names_every_command(tmp_path: Path) -> None:
    """The help is printed without any server, and names what there is."""
    printed = CommandLine(tmp_path, {}).done("--help")
    assert [name for name in ("demo", "replay", "ingest", "refresh", "stats", "migrate") if name not in printed] == []
