"""Who wants an end gets one: soon, in one line, with an exit code that says that not all was done."""

import signal
from itertools import islice
from pathlib import Path
from time import monotonic, sleep

import pytest

from ingest.kafka import KafkaSettings
from ingest.lake import open_lake
from ingest.producer import publish
from tests.benchmarks.million import million_events
from tests.command import PATIENCE_SECONDS, CommandLine
from tests.lakes import read_events
from tests.postgres import state_folder


def test_an_interrupted_load_is_no_finished_one(tmp_path: Path, kafka: KafkaSettings) -> None:
    """It says how much came, and that the rest waits; a second run brings the rest, each message once."""
    published = publish(kafka, islice(million_events(), 400_000))
    lake = str(tmp_path / "lake")
    variables = {
        "OMNINODE_HOME": str(tmp_path / "home"),
        "OMNINODE_ENV": kafka.environment,
        "OMNINODE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "OMNINODE_LAKE": lake,
    }
    command = CommandLine(tmp_path, variables)
    open_lake(lake)
    with command.running("ingest", "--until-end") as process:
        _wait_for_version(lake, 1)
        process.send_signal(signal.SIGINT)
        output, complaint = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, output) == (130, "")
    came = read_events(lake).height
    assert 0 < came < published
    assert f"interrupted: {came:,} messages are in the lake, the others are still in Kafka" in complaint

    command.done("ingest", "--until-end")
    events = read_events(lake)
    assert events.height == published
    assert not events.select("topic", "partition", "offset").is_duplicated().any()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_demo_stops_where_it_is(number: signal.Signals, code: int) -> None:
    """No tables of what was not done, and the embedded servers are gone."""
    with state_folder() as home:
        command = CommandLine(home, {"OMNINODE_HOME": str(home)})
        with command.running("demo", "--workflows", "200000") as process:
            _wait_for(home / "broker")
            sleep(1.0)
            process.send_signal(number)
            output, complaint = process.communicate(timeout=PATIENCE_SECONDS)
        assert (process.returncode, output) == (code, ""), complaint
        assert complaint.strip().splitlines()[-1] == "omninode: interrupted"


def test_an_early_interruption_is_no_traceback(tmp_path: Path) -> None:
    """While the command is still being loaded, too."""
    with CommandLine(tmp_path, {"OMNINODE_HOME": str(tmp_path / "home")}).running("ingest") as process:
        sleep(0.3)
        process.send_signal(signal.SIGTERM)
        _, complaint = process.communicate(timeout=PATIENCE_SECONDS)
    assert "Traceback" not in complaint
    assert process.returncode in (143, 0, -signal.SIGTERM), complaint


def _wait_for_version(lake: str, version: int) -> None:
    deadline = monotonic() + 90
    while open_lake(lake).version < version:
        assert monotonic() < deadline
        sleep(0.02)


def _wait_for(path: Path) -> None:
    deadline = monotonic() + 90
    while not path.exists():
        assert monotonic() < deadline
        sleep(0.05)
