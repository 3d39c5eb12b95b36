"""When a micro-batch is full."""

import pytest

from ingest.policy import MicroBatchPolicy

POLICY = MicroBatchPolicy(max_rows=10, max_bytes=1000, max_age_seconds=0.5)


@pytest.mark.parametrize(
    ("rows", "size", "age", "due"),
    [
        (9, 999, 0.49, False),
        (10, 0, 0.0, True),
        (1, 1000, 0.0, True),
        (1, 0, 0.5, True),
        (0, 0, 1000.0, False),
    ],
)
def test_whichever_comes_first(rows: int, size: int, age: float, due: bool) -> None:
    """A batch ends by its rows, its bytes or its age; an empty one never does."""
    assert POLICY.is_due(rows=rows, size=size, age_seconds=age) is due
