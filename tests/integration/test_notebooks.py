"""The notebooks: executed as an analyst does, on a real lake and a real database, without a network."""

import base64
import json
import os
import struct
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import nbformat
import polars as pl
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from polars.testing import assert_frame_equal

from notebooks import api, drawing
from notebooks.door import project_root, read_settings
from omninode.errors import BadInput, OmninodeError
from pipelines.schema import ATTEMPT_COUNTS
from sql.embedded_place import known_place
from sql.embedded_process import serving_pid
from tests.postgres import state_folder

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
STORED = sorted(NOTEBOOKS.glob("*.ipynb"))
#: The charts of 01_generations, and the colours that are nowhere in a chart without data.
CHARTS = {
    "success": [drawing.BLUE, drawing.SKY, drawing.VERMILION],
    "throughput": [],
    "durations": [drawing.BLUE, drawing.ORANGE, drawing.PURPLE],
    "node-types": [drawing.BLUE, drawing.ORANGE, drawing.PURPLE],
    "failures": [drawing.BLUE, drawing.VERMILION],
    "bad-day": [drawing.BLUE, drawing.SKY, drawing.VERMILION, drawing.ORANGE, drawing.PURPLE],
}
#: The frames behind them, and the options of `omninode stats` that print the same.
FRAMES = {
    "days": ("daily", "time_window"),
    "hours": ("hourly", "time_window"),
    "node_types": ("daily", "node_type_grouping"),
}
#: What `omninode stats --format csv` calls the columns that it does not call as the frames do.
IN_CSV = {
    **{
        f"{name}_duration_seconds": f"duration_statistics.{name}_seconds"
        for name in ("avg", "p50", "p95", "p99", "min", "max")
    },
    "duration_n": "duration_statistics.n",
    "duration_method": "duration_statistics.method",
    "percentile_error": "duration_statistics.relative_error",
    "failed_avg_seconds": "duration_statistics.failed_avg_seconds",
    "failed_duration_n": "duration_statistics.failed_n",
    **{f"{name}_quality": f"quality_statistics.{name}_score" for name in ("avg", "min", "max")},
    "quality_n": "quality_statistics.n",
    **{name: f"cost_statistics.{name}" for name in ("total_tokens", "tokens_n", "total_cost_usd", "cost_n")},
    "avg_tokens": "cost_statistics.avg_tokens_per_generation",
    "avg_cost_usd": "cost_statistics.avg_cost_per_generation",
    **{name: f"duration_statistics.{name}" for name in ("p95_is_weak", "p99_is_weak")},
    **{name: f"cost_statistics.{name}" for name in ("failed_tokens", "failed_tokens_n", "failed_cost_usd")},
    **{name: f"cost_statistics.{name}" for name in ("failed_cost_n", "cost_per_success_usd", "known_cost_share")},
    **{name: f"attempt_statistics.{name}" for name in ("first_attempt_success_rate", "eventual_success_rate")},
    **{name: f"attempt_statistics.{name}" for name in ATTEMPT_COUNTS},
}
_DEAD_PROXY = "http://127.0.0.1:9"


def on_this_machine(home: Path) -> dict[str, str]:
    """Return what makes a process use this state folder and the embedded parts, whatever else is set."""
    return {"OMNINODE_HOME": str(home), "OMNINODE_POSTGRES_URL": "", "OMNINODE_LAKE": ""}


def omninode(home: Path, *arguments: str) -> str:
    """Run the command line on this state folder; return what it printed."""
    command = [sys.executable, "-m", "omninode", *arguments]
    environ = {**os.environ, **on_this_machine(home)}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environ).stdout


@cache
def printed(home: Path, window: str, by: str) -> pl.DataFrame:
    """Return what `omninode stats` prints, with the columns and types of `api.FRAME`."""
    text = omninode(home, "stats", "--window", window, "--by", by, "--format", "csv")
    rows = pl.read_csv(text.encode(), infer_schema=False)
    return rows.select(_typed(IN_CSV.get(name, name), dtype).alias(name) for name, dtype in api.FRAME.items())


def _typed(name: str, dtype: pl.DataType) -> pl.Expr:
    if dtype == pl.Boolean:
        return pl.col(name) == "true"
    return pl.col(name).str.to_datetime(time_zone="UTC") if dtype.is_temporal() else pl.col(name).cast(dtype)


def read(path: Path) -> nbformat.NotebookNode:
    """Read a stored notebook."""
    notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    return notebook


def execute(name: str, home: Path, scratch: Path, *more_cells: str) -> nbformat.NotebookNode:
    """Execute a notebook in its own folder, with a proxy that refuses whatever is fetched, far from UTC."""
    notebook = read(NOTEBOOKS / name)
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in more_cells]  # type: ignore[no-untyped-call]
    set_for_it = {
        **on_this_machine(home),
        "TZ": "Asia/Tokyo",
        "IPYTHONDIR": str(scratch / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(scratch / "runtime"),
        **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), _DEAD_PROXY),
    }
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in set_for_it.items():
            patch.setenv(variable, value)
        in_its_folder = {"metadata": {"path": str(NOTEBOOKS)}}
        return NotebookClient(notebook, timeout=120, kernel_name="python3", resources=in_its_folder).execute()


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A state folder after a small demo."""
    with state_folder() as folder:
        omninode(folder, "demo", "--workflows", "1500")
        yield folder


@pytest.fixture(scope="module")
def executed(home: Path, tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    """01_generations after it ran on the demo's data; its last cell prints the frames behind the charts."""
    frames = ", ".join(f"'{name}': {name}.write_json()" for name in FRAMES)
    return execute(
        "01_generations.ipynb",
        home,
        tmp_path_factory.mktemp("jupyter"),
        f"import json; print(json.dumps({{{frames}}}))",
    )


@dataclass(frozen=True)
class Picture:
    """A decoded PNG: how many pixels have which colour, in a third of its rows."""

    width: int
    height: int
    colours: Counter[tuple[int, ...]]

    @classmethod
    def decode(cls, png: bytes) -> "Picture":
        """Decode what vl-convert writes: 8-bit RGBA, each row filtered by 'Sub', so that rows can be read alone."""
        chunks = dict.fromkeys((b"IHDR", b"IDAT"), b"")
        at = len(b"\x89PNG\r\n\x1a\n")
        while at < len(png):
            length, kind = struct.unpack_from(">I4s", png, at)
            chunks[kind] = chunks.get(kind, b"") + png[at + 8 : at + 8 + length]
            at += length + 12
        width, height, *form = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
        lines, size = zlib.decompress(chunks[b"IDAT"]), 1 + 4 * width
        assert form == [8, 6]
        assert set(lines[::size]) == {1}
        colours: Counter[tuple[int, ...]] = Counter()
        for start in range(0, len(lines), 3 * size):
            row = lines[start + 1 : start + size]
            colours.update(
                zip(*([value % 256 for value in accumulate(row[part::4])] for part in range(4)), strict=True)
            )
        return cls(width, height, colours)

    def pixels_of(self, colour: str) -> int:
        """Count the pixels of a colour like #0072B2."""
        return self.colours[(*bytes.fromhex(colour.removeprefix("#")), 255)]


def outputs(cell: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return list(cell.get("outputs", []))


def pictures(notebook: nbformat.NotebookNode) -> dict[str, Picture]:
    """Return the pictures of a notebook, by the id of their cell."""
    return {
        cell.id: Picture.decode(base64.b64decode(output.data["image/png"]))
        for cell in notebook.cells
        for output in outputs(cell)
        if "image/png" in output.get("data", {})
    }


def test_the_kernel_leaves_no_database_running(executed: nbformat.NotebookNode, home: Path) -> None:
    """With the kernel, its use of the embedded database ended, and nobody else used it."""
    # The first test of the file: the command line would find a server that was left, and stop it.
    assert executed
    assert serving_pid(known_place(home / "postgres") / "data") is None


def test_no_cell_complains(executed: nbformat.NotebookNode) -> None:
    """Every code cell ran, and none wrote an error or a warning."""
    code = [cell for cell in executed.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    assert [output for cell in code for output in outputs(cell) if output.get("name") == "stderr"] == []


def test_charts_show_the_data(executed: nbformat.NotebookNode) -> None:
    """Each chart is a picture of readable size with the colours of its data, not just empty axes."""
    drawn = pictures(executed)
    assert drawn.keys() == CHARTS.keys()
    for name, picture in drawn.items():
        assert 800 < picture.width < 1600, name
        assert 500 < picture.height < 1300, name
        assert len(picture.colours) > 100, name
        assert {colour: picture.pixels_of(colour) > 50 for colour in CHARTS[name]} == dict.fromkeys(CHARTS[name], True)


def test_throughput_has_shades_and_gaps(executed: nbformat.NotebookNode) -> None:
    """In a small demo many a night hour is empty: white squares beside several shades of blue."""
    throughput = pictures(executed)["throughput"]
    large = [colour for colour, count in throughput.colours.items() if count > 400]
    assert (255, 255, 255, 255) in large
    assert sum(red < green < blue for red, green, blue, _ in large) >= 5


def test_nothing_shown_is_fetched(executed: nbformat.NotebookNode) -> None:
    """Outputs are pictures and text: no script, and no address from which a browser would load something."""
    shown = [output.data for cell in executed.cells for output in outputs(cell) if "data" in output]
    assert {kind for data in shown for kind in data} == {"image/png", "text/plain", "text/html"}
    texts = [text for data in shown for kind, text in data.items() if kind != "image/png"]
    assert not [text for text in texts if "://" in text or "<script" in text]


def test_frames_equal_the_command_line(executed: nbformat.NotebookNode, home: Path) -> None:
    """What is drawn is what `omninode stats` prints: every row, every column."""
    behind = json.loads(outputs(executed.cells[-1])[0].text)
    for name, (window, by) in FRAMES.items():
        frame = pl.read_json(behind[name].encode(), schema=api.FRAME)
        assert frame.height > 30
        assert_frame_equal(frame, printed(home, window, by), check_exact=True)


def test_the_bad_day_is_named(executed: nbformat.NotebookNode, home: Path) -> None:
    """The summary names the day on which the command line, too, counts most failures."""
    worst = max(printed(home, "daily", "time_window").iter_rows(named=True), key=lambda day: day["failed_generations"])
    [summary] = [cell for cell in executed.cells if cell.id == "setup"]
    assert f"most failed on {worst['window_start']:%a %-d %b %Y}" in outputs(summary)[0].data["text/plain"]


def test_events_of_the_lake(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lake's events can be looked at, and those that ended a generation are at least as many as were counted."""
    for variable, value in on_this_machine(home).items():
        monkeypatch.setenv(variable, value)
    terminal = pl.col("kind").is_in(["completed", "failed"])
    ended = api.events().filter(terminal).select(pl.len()).collect().item()
    try:
        counted = api.statistics("monthly")["total_generations"].sum()
    finally:
        api.close()
    assert ended >= counted > 1000


def test_an_empty_home_says_what_to_do(tmp_path: Path) -> None:
    """Without data the notebook stops at its first reading with one line, and leaves nothing behind."""
    nothing = tmp_path / "nothing"
    with pytest.raises(CellExecutionError) as failure:
        execute("01_generations.ipynb", nothing, tmp_path)
    assert failure.value.ename == "NothingYet"
    assert failure.value.traceback.strip().splitlines()[-1].startswith("NothingYet: No data yet in")
    assert "run `omninode demo` first" in failure.value.evalue
    assert "Traceback" not in failure.value.traceback
    assert not nothing.exists()


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.name)
def test_stored_without_outputs(path: Path) -> None:
    """A notebook is kept as it was written: no outputs, no counts, nothing of the machine, and lasting cell ids."""
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebook.metadata.keys() == {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec.name == "python3"
    assert all(not cell.metadata for cell in notebook.cells)
    assert not [cell.id for cell in notebook.cells if outputs(cell) or cell.get("execution_count")]
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(not name.isalnum() or name.isalpha() for name in ids)


def test_a_chart_is_the_same_in_every_time_zone(tmp_path: Path) -> None:
    """Days are drawn as days of UTC, wherever the machine is."""
    program = """
import sys
from datetime import UTC, datetime, timedelta
import altair as alt, polars as pl
from notebooks.drawing import percent, prepare, shade, utc

prepare()
days = [datetime(2025, 10, 20, tzinfo=UTC) + timedelta(days=n) for n in range(4)]
rows = pl.DataFrame({"window_start": days[:3], "window_end": days[1:], "success_rate": [0.9, 0.7, 0.8]})
line = alt.Chart(rows).mark_line().encode(
    utc("yearmonthdate", title="day", label="%a %-d %b"), percent("success_rate", "")
)
(shade(rows.head(1), title="day") + line).save(sys.argv[1])
"""
    drawn: list[Picture] = []
    for zone in ("UTC", "America/Los_Angeles"):
        file = tmp_path / f"{len(drawn)}.png"
        subprocess.run([sys.executable, "-c", program, file], check=True, env={**os.environ, "TZ": zone})
        drawn.append(Picture.decode(file.read_bytes()))
    assert drawn[0] == drawn[1]
    assert drawn[0].pixels_of(drawing.BLUE) > 50


def test_wrong_arguments_are_answered_in_one_line() -> None:
    """A wrong window, strategy or time is named, with what is right, before anything is opened."""
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"window": "yearly"}, "window: 'yearly' is none of hourly, daily, weekly, monthly"),
        ({"window": "daily", "by": "model"}, "by: 'model' is none of node_type_grouping, quality_buckets, "),
        ({"window": "daily", "start": "soon"}, "start: 'soon' is no time; write 2025-10-24 or "),
    ]
    for arguments, message in wrong:
        with pytest.raises(BadInput) as refusal:
            api.statistics(**arguments)
        assert str(refusal.value).startswith(message)


def test_times_in_every_spelling(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound may be text, a date or a time; without an offset it is in UTC."""
    for variable, value in on_this_machine(home).items():
        monkeypatch.setenv(variable, value)
    day = datetime(2025, 10, 22, tzinfo=UTC)
    spellings: list[tuple[date | str, date | str]] = [
        ("2025-10-22", "2025-10-23"),
        (day.date(), date(2025, 10, 23)),
        (day.replace(tzinfo=None), day + timedelta(days=1)),
        ("2025-10-22T02:00+02:00", "2025-10-23T00:00:00Z"),
    ]
    try:
        frames = [api.statistics("daily", start=start, end=end) for start, end in spellings]
        none = api.statistics("daily", start="2030-01-01")
    finally:
        api.close()
    assert all(frame.equals(frames[0]) and frame["window_start"].to_list() == [day] for frame in frames)
    assert none.is_empty()
    assert none.schema == api.FRAME


def test_gaps_are_rows_of_nulls() -> None:
    """Each group gets a row for each window of the whole range; what was there stays as it is."""
    start = datetime(2025, 10, 1, tzinfo=UTC)
    known = pl.DataFrame(
        {
            "window_type": ["daily"] * 3,
            "window_start": [start, start, start + timedelta(days=2)],
            "window_end": [start + timedelta(days=1), start + timedelta(days=1), start + timedelta(days=3)],
            "aggregation_type": ["node_type_grouping"] * 3,
            "group_key": ["compute", "effect", "effect"],
            "success_rate": [0.5, 0.75, 1.0],
        },
        schema_overrides={name: api.FRAME[name] for name in ("window_start", "window_end")},
    )
    filled = api.with_gaps(known)
    assert filled["group_key"].to_list() == ["compute", "effect"] * 3
    assert filled["success_rate"].to_list() == [0.5, 0.75, None, None, None, 1.0]
    assert filled.drop_nulls().equals(known)
    assert api.with_gaps(known.clear()).is_empty()


def test_the_project_is_found_from_its_notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel starts in the notebook's folder: `.env` and the state folder are still the project's."""
    for name in ("OMNINODE_HOME", "OMNINODE_ENV", "OMNINODE_LAKE", "OMNINODE_POSTGRES_URL"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "project" / "notebooks"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert project_root(NOTEBOOKS) == NOTEBOOKS.parent
    (folder.parent / ".env").write_text("OMNINODE_ENV=staging\n")
    settings = read_settings()
    assert (settings.home, settings.environment) == (folder.parent / ".omninode", "staging")
    monkeypatch.setenv("OMNINODE_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("OMNINODE_ENV", "prod")
    assert (read_settings().home, read_settings().environment) == (tmp_path / "elsewhere", "prod")


def test_errors_for_users_show_one_line() -> None:
    """IPython asks an error how to show it: with its name and its message, without a traceback."""
    with pytest.raises(OmninodeError) as refusal:
        api.statistics("yearly")
    [line] = getattr(refusal.value, "_render_traceback_")()  # noqa: B009 - IPython's name, on the instance
    assert line == f"BadInput: {refusal.value}"
