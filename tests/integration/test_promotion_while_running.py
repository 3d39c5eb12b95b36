"""A field becomes a column while `omninode ingest` runs: the running process fills it, and loses nothing over it."""

import signal
from pathlib import Path
from time import monotonic, sleep

from ingest.kafka import KafkaSettings
from ingest.kinds import EventKind
from ingest.producer import Outgoing, publish
from tests.command import PATIENCE_SECONDS, CommandLine
from tests.lakes import read_events
from tests.messages import completed


def test_running_ingest_fills_the_new_column(tmp_path: Path, kafka: KafkaSettings) -> None:
    """Events that come before the promotion have no column, those that come after it do; each is there once."""
    lake = str(tmp_path / "lake")
    variables = {
        "OMNINODE_HOME": str(tmp_path / "home"),
        "OMNINODE_ENV": kafka.environment,
        "OMNINODE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "OMNINODE_LAKE": lake,
    }
    command = CommandLine(tmp_path, variables)
    # A lake of its own to begin with, so that it can be looked at before anything came.
    command.done("ingest", "--until-end")
    with command.running("ingest") as process:
        for number, team in enumerate(("core", "edge", "apps"), start=1):
            publish(kafka, [Outgoing(EventKind.COMPLETED, None, completed(team=team))])
            _wait_for_events(lake, number)
            if number == 1:
                command.done("fields", "promote", "team", "--type", "text")
        process.send_signal(signal.SIGTERM)
        _, complaint = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, complaint

    events = read_events(lake)
    assert sorted(events["team"].drop_nulls()) == ["apps", "edge"]
    assert events.filter(events["team"].is_null())["extra"].to_list() == ['{"team":"core"}']
    assert events.select("partition", "offset").is_duplicated().sum() == 0


def _wait_for_events(lake: str, count: int) -> None:
    deadline = monotonic() + 90
    while read_events(lake).height < count:
        assert monotonic() < deadline
        sleep(0.1)
