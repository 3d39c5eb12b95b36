"""Rows as a table, as JSON and as CSV."""

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from rich.console import Console

from omninode.cli.output import Column, OutputFormat, csv_text, json_text, print_rows
from omninode.cli.statistics_table import statistics_columns

ROW = {
    "window_start": datetime(2025, 10, 24, 10, tzinfo=UTC),
    "group_key": "données, api",
    "id": UUID(int=1),
    "cost": {"total": Decimal("18.00"), "avg": Decimal("0.123456789"), "n": None},
}


def test_json_spells_money_as_numbers_and_times_with_z() -> None:
    """Decimals are numbers, whole ones without a point; times are ISO 8601; unknown is null."""
    assert json.loads(json_text([ROW])) == [
        {
            "window_start": "2025-10-24T10:00:00Z",
            "group_key": "données, api",
            "id": str(UUID(int=1)),
            "cost": {"total": 18, "avg": 0.123456789, "n": None},
        }
    ]


def test_csv_flattens_nested_values() -> None:
    """Nested values have headings with a dot; unknown is empty; commas are quoted."""
    assert list(csv.DictReader(io.StringIO(csv_text([ROW])))) == [
        {
            "window_start": "2025-10-24T10:00:00Z",
            "group_key": "données, api",
            "id": str(UUID(int=1)),
            "cost.total": "18.00",
            "cost.avg": "0.123456789",
            "cost.n": "",
        }
    ]


def test_no_rows_are_valid_in_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to print is an empty array, an empty file, a table without rows."""
    columns = [Column("name", lambda row: str(row["name"]), is_number=False)]
    printed = {}
    for output in OutputFormat:
        print_rows([], columns, output, title="nothing")
        printed[output] = capsys.readouterr().out
    assert json.loads(printed[OutputFormat.JSON]) == []
    assert printed[OutputFormat.CSV].strip() == ""
    assert "nothing" in printed[OutputFormat.TABLE]


@pytest.mark.parametrize(
    ("window_type", "spelled"),
    [("hourly", "2025-10-24 10:00"), ("daily", "2025-10-24"), ("weekly", "2025 week 43"), ("monthly", "2025-10")],
)
def test_windows_are_spelled_for_people(window_type: str, spelled: str) -> None:
    """Each length of window has the spelling people know."""
    assert statistics_columns(window_type)[0].cell(ROW) == spelled


def test_objects_by_name_are_one_value_of_csv() -> None:
    """Rows that have other stages have the same columns, and one without any, too."""
    rows = [{"flag": True, "stages": {"a b": {"count": 1}}}, {"flag": False, "stages": {}}]
    assert csv_text(rows).splitlines() == ["flag,stages", 'true,"{""a b"": {""count"": 1}}"', "false,{}"]


def test_what_finds_no_room_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ids and numbers are whole or not there; nothing is squeezed to nothing."""
    monkeypatch.setattr("omninode.cli.output.console", lambda: Console(width=60))
    columns = [
        Column("id", lambda row: str(row["id"]), is_number=False, is_whole=True),
        Column("count", lambda row: f"{10**9:,}"),
        Column("last", lambda row: "x" * 40, is_number=False),
    ]
    print_rows([ROW], columns, OutputFormat.TABLE, title="narrow")
    printed = capsys.readouterr()
    assert str(ROW["id"]) in printed.out
    assert "1,000,000,000" in printed.out
    assert "last" not in printed.out
    assert printed.err == "omninode: no room for last; widen the terminal, or see --format\n"
