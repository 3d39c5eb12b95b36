"""`omninode replay` of real data: the statistics are what a few lines of SQL over the file say."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.command import ROOT, CommandLine
from tests.postgres import state_folder
from tests.statistics import Tables, statistics_of, without

FILE = ROOT.parent / "shared" / "data" / "agent_runs.jsonl"

_BY_MONTH_AND_NODE_TYPE = """
with event as (from read_json(?, format = 'newline_delimited')),
ended as (
    select
        *,
        event_type = 'NODE_GENERATION_COMPLETED' as succeeded,
        coalesce(total_tokens, (
            select sum(tokens_consumed) from event as stage where stage.workflow_id = event.workflow_id
        )) as tokens
    from event
    where event_type in ('NODE_GENERATION_COMPLETED', 'NODE_GENERATION_FAILED')
)
select
    strftime(date_trunc('month', "timestamp"), '%Y-%m-%dT%H:%M:%SZ') as window_start,
    node_type as group_key,
    count(*) as total_generations,
    count(*) filter (where succeeded) as successful_generations,
    round(avg(succeeded::int), 4) as success_rate,
    avg(total_duration_seconds) as avg_seconds,
    quantile_cont(total_duration_seconds, 0.5) as p50_seconds,
    quantile_cont(total_duration_seconds, 0.95) as p95_seconds,
    quantile_cont(total_duration_seconds, 0.99) as p99_seconds,
    min(total_duration_seconds) as min_seconds,
    max(total_duration_seconds) as max_seconds,
    avg(partial_duration_seconds) as failed_avg_seconds,
    sum(tokens)::bigint as total_tokens
from ended
group by all
order by window_start, group_key
"""


@pytest.fixture(scope="module")
def replayed() -> Iterator[CommandLine]:
    """A command line of its own home, in which the file was replayed once."""
    if not FILE.is_file():
        pytest.fail(f"{FILE} is not there: get the folder `shared`, which belongs beside the repository")
    with state_folder() as home:
        command = CommandLine(home, {"OMNINODE_HOME": str(home)})
        command.done("replay", FILE)
        yield command


def all_numbers(command: CommandLine) -> Tables:
    """Everything that `omninode stats` knows, but for when each row was last looked at."""
    return without(statistics_of(command.folder), {"checked_lake_version"})


def test_monthly_rows_are_those_of_the_file(replayed: CommandLine) -> None:
    """Every month and node type has the counts, durations and tokens that DuckDB finds in the file itself."""
    rows = replayed.rows("stats", "--window", "monthly", "--by", "node_type_grouping")

    result = duckdb.execute(_BY_MONTH_AND_NODE_TYPE, [str(FILE)])
    names = [column[0] for column in result.description or []]
    expected = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    flat = [row | row["duration_statistics"] | row["cost_statistics"] for row in rows]
    assert len(expected) > 3
    for row, told in zip(flat, expected, strict=True):
        assert {name: row[name] for name in names} == {
            name: pytest.approx(value, rel=1e-9) if isinstance(value, float) else value for name, value in told.items()
        }


def test_unknown_stays_unknown(replayed: CommandLine) -> None:
    """Quality and cost were not measured: they are null, never 0, and the bucket is `unscored`."""
    rows = replayed.rows("stats", "--window", "monthly", "--by", "quality_buckets")

    assert {row["group_key"] for row in rows} == {"unscored"}
    for row in rows:
        assert row["quality_statistics"] == {"avg_score": None, "min_score": None, "max_score": None, "n": 0}
        assert (row["cost_statistics"]["total_cost_usd"], row["cost_statistics"]["cost_n"]) == (None, 0)


def test_all_windows_and_strategies_have_the_same_450_runs(replayed: CommandLine) -> None:
    """However the runs are grouped, they add up to the 450 of the file, each started once and none left unfinished."""
    for rows in all_numbers(replayed).values():
        assert sum(row["total_generations"] for row in rows) == 450
        assert sum(row["started_generations"] for row in rows) == 450
        assert sum(row["in_flight_generations"] + row["abandoned_generations"] for row in rows) == 0


def test_replaying_again_changes_no_number(replayed: CommandLine) -> None:
    """The same events delivered a second time count once: every row is as it was, down to when it was made."""
    before = all_numbers(replayed)

    replayed.done("replay", FILE)

    assert all_numbers(replayed) == before


def test_one_line_more_changes_only_its_windows(replayed: CommandLine, tmp_path: Path) -> None:
    """Late data changes the rows of the windows that hold it, and no other."""
    before = all_numbers(replayed)
    late = tmp_path / "late.jsonl"
    late.write_text(
        '{"event_type":"NODE_GENERATION_COMPLETED","workflow_id":"00000000-0000-4000-8000-000000000001",'
        '"node_type":"effect","domain":"late","total_duration_seconds":1,"timestamp":"2025-10-08T10:30:00Z"}'
    )

    replayed.done("replay", late)

    holding = {
        "hourly": "2025-10-08T10:00:00Z",
        "daily": "2025-10-08T00:00:00Z",
        "weekly": "2025-10-06T00:00:00Z",
        "monthly": "2025-10-01T00:00:00Z",
    }
    for key, rows in all_numbers(replayed).items():
        window, _ = key
        assert [row for row in rows if row not in before[key]], key
        assert {row["window_start"] for row in rows if row not in before[key]} == {holding[window]}
        assert sum(row["total_generations"] for row in rows) == 451
