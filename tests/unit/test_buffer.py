"""The age of what waits for its commit."""

from ingest.buffer import Buffer
from ingest.policy import MicroBatchPolicy

POLICY = MicroBatchPolicy(max_rows=10, max_age_seconds=0.5)


def test_empty_buffer_does_not_age() -> None:
    """However long nothing comes, nothing is due; the age begins when we last saw that nothing was there."""
    buffer = Buffer(since=0.0)
    buffer.add([], now=9.0)
    assert buffer.since == 9.0
    assert not buffer.is_due(POLICY, now=60.0)


def test_what_waited_while_nobody_fetched_is_as_old_as_that() -> None:
    """A message that is there at the first look may have been waiting since the buffer was made."""
    buffer = Buffer(since=1.0)
    buffer.messages.values.append(b"{}")
    buffer.add([], now=1.4)
    assert buffer.since == 1.0
    assert not buffer.is_due(POLICY, now=1.4)
    assert buffer.is_due(POLICY, now=1.5)
