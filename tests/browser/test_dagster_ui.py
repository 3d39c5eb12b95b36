"""The Dagster UI in a real browser: the graph is there, and a backfill started by clicks turns it green."""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from signal import SIGTERM

import pytest
from playwright.sync_api import Page, expect

from assets.instance import instance_folder
from assets.ui import ui_command, ui_environment
from omninode.process import free_port
from tests.browser.chromium import find_chromium, open_page
from tests.browser.dagster_ui import listening_addresses, serve
from tests.dagster_project import fill_lake, make_project, nothing_set
from tests.postgres import state_folder

# Installing the browser may take minutes.
pytestmark = pytest.mark.timeout(900)

STATISTICS = ["hourly_statistics", "daily_statistics", "weekly_statistics", "monthly_statistics"]
ASSETS = ["events", "lake_compaction", "lake_retention", "workflow_lifecycle", *STATISTICS]
_DG = str(Path(sys.executable).with_name("dg"))
_WAIT_MS = 180_000


@pytest.fixture(scope="module")
def chromium() -> str:
    """The browser's program."""
    return find_chromium()


@pytest.fixture(scope="module")
def project() -> Iterator[Path]:
    """A project folder with some events in its lake."""
    with state_folder() as folder:
        project = make_project(folder / "project")
        fill_lake(str(project / ".omninode" / "lake"), workflows=100, start=datetime(2025, 10, 30, tzinfo=UTC), days=3)
        yield project


@pytest.fixture(scope="module")
def address(project: Path) -> Iterator[str]:
    """`dg dev` as somebody types it, with nothing set; only the port is our own."""
    port = free_port()
    with serve([_DG, "dev", "--port", str(port)], port, folder=project, environment=nothing_set(project)) as found:
        yield found


@pytest.fixture
def page(chromium: str, tmp_path: Path) -> Iterator[Page]:
    """A page of a browser that has never been here."""
    with open_page(chromium, tmp_path / "profile") as found:
        yield found


@pytest.fixture(scope="module")
def greeted(chromium: str, address: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address, after the invitation to Dagster's community was put away: it comes once."""
    with open_page(chromium, tmp_path_factory.mktemp("profile")) as page:
        page.goto(address)
        _put_greeting_away(page)
    return address


def test_the_graph_shows_all_assets(page: Page, greeted: str, project: Path) -> None:
    """All eight at first sight, and on this machine only."""
    page.goto(f"{greeted}/asset-groups")
    _expect_all_assets(page)
    assert listening_addresses(project) == {"127.0.0.1"}


def test_a_backfill_started_in_the_browser_fills_every_partition(page: Page, greeted: str) -> None:
    """All months, in one run, until none is missing; and both checks of the rows have passed."""
    page.goto(f"{greeted}/assets/monthly_statistics?view=partitions")
    expect(page.get_by_text(re.compile(r"^Missing \([1-9]\d+\)"))).to_be_visible(timeout=_WAIT_MS)
    page.get_by_role("button", name="Materialize").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Show all partitions").click()
    dialog.get_by_role("button", name="All", exact=True).click()
    dialog.get_by_role("button", name="Launch backfill").click()
    expect(page.get_by_text(re.compile(r"^Materialized \([1-9]\d+\)"))).to_be_visible(timeout=_WAIT_MS)
    expect(page.get_by_text("Missing (0)")).to_be_visible()
    expect(page.get_by_text("Failed (0)")).to_be_visible()
    page.goto(f"{greeted}/assets/monthly_statistics?view=checks")
    for name in ("monthly_rows_agree", "monthly_rows_equal_the_oracles"):
        # A long name is shown with an ellipsis in its middle; the whole one is there to be measured.
        expect(page.get_by_text(name).first).to_be_attached(timeout=_WAIT_MS)
    expect(page.get_by_text("Passed").first).to_be_visible(timeout=_WAIT_MS)


def test_the_repair_sensor_and_the_schedules_are_there(page: Page, greeted: str) -> None:
    """Off until somebody turns them on, but for the lake's upkeep."""
    page.goto(f"{greeted}/automation")
    for window in ("hourly", "daily", "weekly", "monthly"):
        expect(page.get_by_text(f"{window}_statistics_schedule").first).to_be_visible(timeout=_WAIT_MS)
    expect(page.get_by_text("statistics_repair_sensor").first).to_be_visible()


def test_the_command_of_the_front_door_shows_the_same_graph(
    chromium: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started in a folder that holds no project, as an installed package is, and ended by SIGTERM."""
    monkeypatch.chdir(tmp_path)
    home = tmp_path / "state"
    environment = nothing_set(tmp_path) | ui_environment(home, instance_folder(home))
    port = free_port()
    with (
        serve(ui_command(port), port, folder=tmp_path, environment=environment, end_with=SIGTERM) as address,
        open_page(chromium, tmp_path / "profile") as page,
    ):
        page.goto(f"{address}/asset-groups")
        _put_greeting_away(page)
        _expect_all_assets(page)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["profile", "state", "ui.log"]


def _put_greeting_away(page: Page) -> None:
    skip = page.get_by_role("button", name="Skip")
    # It comes again if the page is closed before the server has noted that it was seen.
    with page.expect_response(lambda response: "setnuxseen" in (response.request.post_data or "").lower()):
        skip.click()
    expect(skip).to_be_hidden()


def _expect_all_assets(page: Page) -> None:
    for name in ASSETS:
        expect(page.get_by_text(name, exact=True).first).to_be_visible(timeout=_WAIT_MS)
