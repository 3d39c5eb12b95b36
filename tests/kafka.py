"""A real broker for tests: embedded Tansu on a free loopback port, ended by the test that started it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.broker import embedded_broker
from ingest.kafka import KafkaSettings, ensure_topics


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[KafkaSettings]:
    """A broker of the test's own, with the four topics of the environment `test`."""
    with embedded_broker(tmp_path / "broker") as address:
        settings = KafkaSettings(address, "test")
        ensure_topics(settings)
        yield settings
