"""Memory and Postgres keep nodes by the same rules."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from omninode.settings import Settings
from registry.backend import Backend
from registry.health import health_by_age
from registry.memory_backend import MemoryBackend
from registry.postgres_backend import PostgresBackend
from sql.connection import Connection
from sql.node_rows import Filters, HealthReport, Registration, Written

IDS = st.sampled_from(["a", "b", "c"])
HEALTHS = st.sampled_from(["healthy", "degraded", "unhealthy", "unknown"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | st.text("añ\u2028😀\\\"'%", max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("xy", min_size=1, max_size=2), inner),
    max_leaves=4,
)
REGISTRATIONS = st.builds(
    Registration,
    node_id=IDS,
    node_name=st.sampled_from(["One", "Two"]),
    node_type=st.sampled_from(["effect", "compute"]),
    version=st.sampled_from(["1.0.0", "2.0.0"]),
    capabilities=st.lists(st.sampled_from(["x", "y"]), unique=True).map(lambda names: [{"name": n} for n in names]),
    endpoints=st.just({}),
    metadata=st.dictionaries(st.text("kl", min_size=1, max_size=2), VALUES, max_size=2),
    ttl_seconds=st.just(90),
)
REPORTS = st.builds(HealthReport, node_id=IDS, health_status=HEALTHS, is_heartbeat=st.booleans())
FILTERS = st.builds(
    Filters,
    node_type=st.none() | st.sampled_from(["effect", "compute"]),
    capability=st.none() | st.sampled_from(["x", "y"]),
    health_status=st.none() | HEALTHS,
    version=st.none() | st.just("1.0.0"),
    name=st.none() | st.just("Two"),
)
DEEDS = st.lists(REGISTRATIONS | REPORTS | IDS | FILTERS, max_size=12)


@pytest.fixture
def in_postgres(database_url: str, tmp_path: Path) -> Iterator[PostgresBackend]:
    """Nodes in Postgres."""
    backend = PostgresBackend(Settings(home=tmp_path, postgres_url=database_url))
    yield backend
    backend.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=DEEDS)
@example(deeds=[Registration("a", "One", "effect", "1.0.0", [], {}, {"k": value}, 90) for value in (True, 1, 1.0)])
def test_both_answer_alike(in_postgres: PostgresBackend, deeds: list[Any]) -> None:
    """Whatever is done to them, in every order, they say the same."""
    in_postgres.deregister(["a", "b", "c"])
    in_memory = MemoryBackend(lambda: datetime.now(UTC))
    for deed in [*deeds, Filters()]:
        assert _answer(in_postgres, deed) == _answer(in_memory, deed)


def _answer(backend: Backend, deed: Any) -> Any:
    match deed:
        case Filters():
            rows, total = backend.find(deed, limit=2, offset=0)
            return [_said(row) for row in rows], total
        case Registration():
            return _written(backend.register([deed])[0])
        case HealthReport():
            return _written(backend.report_health([deed])[0])
        case _:
            return _written(backend.deregister([deed])[0])


def _written(written: Any) -> Any:
    if written is None:
        return None
    assert isinstance(written, Written)
    return written.node_id, written.is_new, written.is_changed, written.row and _said(written.row)


def _said(row: Any) -> dict[str, Any]:
    """Without what differs by its nature, but with whether there was a sign of life."""
    own = ("revision", "updated_at", "registration_timestamp", "postgres_registered", "last_heartbeat")
    return {name: value for name, value in row.items() if name not in own} | {"beat": row["last_heartbeat"] is not None}


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stored=HEALTHS,
    silent=st.none() | st.integers(0, 300).map(lambda seconds: timedelta(seconds=seconds)),
    since=st.integers(0, 300).map(lambda seconds: timedelta(seconds=seconds)),
    ttl=st.integers(1, 150),
)
def test_health_by_age_is_the_same_in_sql(
    database: Connection, stored: str, silent: timedelta | None, since: timedelta, ttl: int
) -> None:
    """The function node_health and its twin in Python agree."""
    now = datetime(2025, 10, 24, 12, tzinfo=UTC)
    beat = None if silent is None else now - silent
    row = database.execute("SELECT node_health(%s, %s, %s, %s, %s)", [stored, beat, now - since, ttl, now]).fetchone()
    alive = max(time for time in (beat, now - since) if time is not None)
    assert row == (health_by_age(stored, alive, ttl, now),)
