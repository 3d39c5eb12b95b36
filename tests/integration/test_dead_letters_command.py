"""`omninode dead-letters` and `omninode fields`, as users have them."""

import csv
import io
import json
from base64 import b64decode
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingest.decode import Decoder
from ingest.kinds import topics_of
from ingest.lake import open_lake
from ingest.messages import Messages
from ingest.micro_batch import Advance, MicroBatch
from tests.command import CommandLine
from tests.lakes import PLACE, read_events
from tests.messages import ENVIRONMENT, batch, completed

#: Two that were from the future when they came, two that are no events, of which one is no text, and one accepted.
_VALUES = [completed(), completed(timestamp=None), b'{"note":"\xc3\xa9[red]\x1b[2J"', b"\xff\x00", None]
_THEN = datetime(2025, 10, 1, 12, 0, tzinfo=UTC)


def _messages() -> Messages:
    messages = batch(_VALUES)
    messages.values[1] = completed(timestamp="2025-10-24T10:30:00.125Z", domain="ml", team="core")
    messages.keys[3] = b"\xfe"
    return messages


@pytest.fixture
def command(tmp_path: Path) -> CommandLine:
    """A command line whose lake took one micro-batch in October 2025, all of it refused."""
    lake = tmp_path / "lake"
    read = Decoder(topics_of(ENVIRONMENT)).decode(_messages(), now=_THEN, batch_id="batch")
    open_lake(str(lake)).append(
        MicroBatch("batch", read.events, read.dead_letters, {PLACE: Advance(None, len(_VALUES))})
    )
    home = {"OMNINODE_HOME": str(tmp_path / "home"), "OMNINODE_LAKE": str(lake), "OMNINODE_ENV": ENVIRONMENT}
    return CommandLine(tmp_path, home)


def test_list_is_complete_in_json(command: CommandLine) -> None:
    """Every letter is there with place, time, reason, key and headers; what is no text is in base64, and says so."""
    rows = {row["offset"]: row for row in command.rows("dead-letters", "list")}

    assert list(rows) == [4, 3, 2, 1, 0]
    assert rows[2]["topic"] == PLACE.topic
    assert (rows[2]["partition"], rows[2]["reason"]) == (3, "invalid_json")
    assert (rows[2]["value"], rows[2]["value_encoding"]) == ('{"note":"é[red]\x1b[2J"', "utf-8")
    assert (b64decode(rows[3]["value"]), rows[3]["value_encoding"]) == (b"\xff\x00", "base64")
    assert (b64decode(rows[3]["key"]), rows[3]["key_encoding"]) == (b"\xfe", "base64")
    assert (rows[4]["value"], rows[4]["value_encoding"], rows[4]["reason"]) == (None, None, "empty")
    assert rows[1]["headers"] == [
        {"name": "number", "value": "1", "encoding": "utf-8"},
        {"name": "none", "value": None, "encoding": None},
    ]
    assert rows[0]["kafka_time"] == "2025-10-24T12:00:00.250000Z"
    assert rows[0]["readmitted_at"] is None


def test_list_in_other_formats(command: CommandLine) -> None:
    """CSV has the same values; a table is for eyes: short, and nothing in it is obeyed by the terminal."""
    printed = list(csv.DictReader(io.StringIO(command.done("dead-letters", "list", "--format", "csv"))))
    assert [row["offset"] for row in printed] == ["4", "3", "2", "1", "0"]
    assert json.loads(printed[2]["headers"])[0]["name"] == "number"
    table = command.done("dead-letters", "list")
    assert "\x1b" not in table
    assert "é[red]" in table
    assert max(map(len, table.splitlines())) <= 200


def test_filters_and_limit(command: CommandLine) -> None:
    """Reason, topic and the time of the refusal choose; a limit is said to be one."""

    def offsets(*options: str) -> list[int]:
        return [row["offset"] for row in command.rows("dead-letters", "list", *options)]

    assert offsets("--reason", "invalid_json") == [3, 2]
    assert offsets("--topic", PLACE.topic, "--since", "2025-10-01T12:00:00Z", "--until", "2025-10-01T12:00:01Z") != []
    assert offsets("--topic", "other") == offsets("--since", "2025-10-02") == offsets("--until", "2025-10-01") == []
    cut = command.run("dead-letters", "list", "--limit", "2", "--format", "json")
    assert [row["offset"] for row in json.loads(cut.stdout)] == [4, 3]
    assert "more dead letters than these 2" in cut.stderr


def test_replay_brings_in_what_is_accepted_now(command: CommandLine, tmp_path: Path) -> None:
    """By the clock of today the two are in the past: they become events; the rest is told by reason."""
    dry = command.rows("dead-letters", "replay", "--dry-run")
    assert dry[0] == {"outcome": "would be re-admitted", "letters": 2}
    replayed = command.run("dead-letters", "replay", "--format", "json")
    assert json.loads(replayed.stdout) == [
        {"outcome": "re-admitted", "letters": 2},
        {"outcome": "still refused: invalid_json", "letters": 2},
        {"outcome": "still refused: empty", "letters": 1},
    ]
    assert "omninode refresh" in replayed.stderr
    assert command.rows("dead-letters", "replay")[0]["letters"] == 0
    assert sorted(read_events(str(tmp_path / "lake"))["offset"]) == [0, 1]

    counted = {row["reason"]: row for row in command.rows("dead-letters", "count")}
    assert counted["future_time"] == {"reason": "future_time", "letters": 2, "readmitted": 2, "waiting": 0}
    assert counted["invalid_json"] == {"reason": "invalid_json", "letters": 2, "readmitted": 0, "waiting": 2}
    (day,) = command.rows("dead-letters", "count", "--by", "day")
    assert day == {"day": "2025-10-01", "letters": 5, "readmitted": 2, "waiting": 3}
    assert [row["topic"] for row in command.rows("dead-letters", "count", "--by", "topic")] == [PLACE.topic]
    listed = command.rows("dead-letters", "list", "--reason", "future_time")
    assert all(row["readmitted_at"] is not None for row in listed)


def test_fields_are_listed_and_promoted(command: CommandLine) -> None:
    """An unknown field is listed, becomes a column, and is said to be one."""
    command.done("dead-letters", "replay")
    (field,) = command.rows("fields")
    assert (field["name"], field["events"], field["kinds"], field["types"]) == ("team", 1, ["completed"], ["text"])
    assert (field["first_seen"], field["promoted"]) == ("2025-10-24T10:30:00.125000Z", None)
    assert "is a column from now on" in command.done("fields", "promote", "team", "--type", "text")
    assert "was promoted before" in command.done("fields", "promote", "team", "--type", "text")
    assert command.rows("fields")[0]["promoted"] == "text"
    assert "team" in command.done("fields")


def empty_lake(folder: Path) -> CommandLine:
    """A command line whose lake is there, and holds nothing."""
    open_lake(str(folder / "home" / "lake"))
    return CommandLine(folder, {"OMNINODE_HOME": str(folder / "home")})


@pytest.mark.parametrize("arguments", [("list",), ("count",), ("replay",)])
def test_empty_lake_says_so(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Without a single letter the table is empty, and one line on standard error says why."""
    finished = empty_lake(tmp_path).run("dead-letters", *arguments)
    assert (finished.returncode, len(finished.stderr.strip().splitlines())) == (0, 1)
    assert "no dead letters" in finished.stderr


def test_lake_without_unknown_fields_says_so(tmp_path: Path) -> None:
    """Without an unknown field the list is empty, and one line on standard error says why."""
    finished = empty_lake(tmp_path).run("fields", "--format", "json")
    assert (json.loads(finished.stdout), finished.returncode) == ([], 0)
    assert "no event has a field that is unknown" in finished.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("dead-letters", "list", "--reason", "bad"),
        ("dead-letters", "list", "--limit", "0"),
        ("dead-letters", "list", "--since", "tomorrow"),
        ("dead-letters", "replay", "--until", "soon"),
        ("dead-letters", "count", "--by", "moon"),
        ("fields", "promote", "team", "--type", "date"),
        ("fields", "promote", "kind", "--type", "text"),
        ("fields", "promote", "a-b", "--type", "text"),
        ("fields", "promote", "taem", "--type", "text"),
    ],
    ids=" ".join,
)
def test_bad_input_gets_one_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """What cannot be used is named in one line, with exit code 2."""
    finished = empty_lake(tmp_path).run(*arguments)
    assert (finished.returncode, len(finished.stderr.strip().splitlines())) == (2, 1), finished.stderr


@pytest.mark.parametrize(
    "arguments",
    [("gaps",), ("dead-letters", "list"), ("dead-letters", "count"), ("fields",), ("lake", "vacuum", "--dry-run")],
    ids=" ".join,
)
def test_looking_for_a_lake_where_there_is_none_makes_none(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """A mistyped place is said to be none, in one line, and stays as it was."""
    typo = tmp_path / "typo"
    variables = {"OMNINODE_HOME": str(tmp_path / "home"), "OMNINODE_LAKE": str(typo)}
    finished = CommandLine(tmp_path, variables).run(*arguments)
    assert (finished.returncode, len(finished.stderr.strip().splitlines())) == (1, 1), finished.stderr
    assert f"there is no lake at {typo}" in finished.stderr
    assert not typo.exists()
