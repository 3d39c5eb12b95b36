"""The messages of all workflows, in the order in which they are sent."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random

from ingest.synthetic.climate import Climates
from ingest.synthetic.delivery import delays
from ingest.synthetic.events import events
from ingest.synthetic.malformed import Encoder
from ingest.synthetic.message import Kind, SyntheticMessage
from ingest.synthetic.rhythm import start_times
from ingest.synthetic.workflows import Workflow, draw_workflow
from omninode.errors import BadInput

_MALFORMED = 0.00115  # of all but STARTED: 0.1 % of all messages

# Seconds after the beginning, a running number so that equal times keep their order, and the message.
_Pending = tuple[float, int, Kind, bytes, bytes]


def synthetic_messages(*, workflows: int, seed: int, start: datetime, days: int) -> Iterator[SyntheticMessage]:
    """Return the messages of `workflows` workflows begun within `days` days from `start`, in the order they are sent.

    The same arguments give the same bytes. A workflow lasts at most 12 hours and each message is sent within
    `MAX_LATENESS` of its event, so all are sent within 4 days after the last start. Memory grows with the messages
    that are under way at one time (`workflows / days`), not with the length of the stream.

    Raises BadInput if `workflows` is negative, `days` is below 1 or `start` has no time zone.

    >>> messages = list(synthetic_messages(workflows=10, seed=1, start=datetime(2025, 9, 29, tzinfo=UTC), days=1))
    >>> messages[0].kind, messages[0].timestamp.date().isoformat()
    ('started', '2025-09-29')
    >>> len({message.key for message in messages})
    10
    """
    if workflows < 0:
        raise BadInput(f"workflows is {workflows}: give 0 or more")
    if days < 1:
        raise BadInput(f"days is {days}: give 1 or more")
    if start.tzinfo is None:
        raise BadInput(f"start is {start.isoformat()}, without a time zone: add one, such as +00:00")
    return _stream(workflows, Random(seed), start.astimezone(UTC), days)  # noqa: S311 - reproducible, not secret


def _stream(workflows: int, rng: Random, start: datetime, days: int) -> Iterator[SyntheticMessage]:
    climates, encoder, number = Climates(start, days), Encoder(rng, _MALFORMED), count()
    pending: list[_Pending] = []
    for started in start_times(rng, workflows=workflows, start=start, days=days):
        # Nothing of this workflow or a later one is sent before it starts.
        while pending and pending[0][0] <= started:
            yield _message(heappop(pending), start)
        for message in _messages(rng, draw_workflow(rng, started, climates), start, encoder, number):
            heappush(pending, message)
    while pending:
        yield _message(heappop(pending), start)


def _messages(
    rng: Random, workflow: Workflow, start: datetime, encoder: Encoder, number: "count[int]"
) -> Iterator[_Pending]:
    key = workflow.workflow_id.encode()
    for kind, time, payload in events(rng, workflow, lambda second: start + timedelta(seconds=second)):
        value = encoder(payload, kind)
        for delay in delays(rng):
            yield time + delay, next(number), kind, key, value


def _message(pending: _Pending, start: datetime) -> SyntheticMessage:
    sent, _, kind, key, value = pending
    return SyntheticMessage(kind, key, value, start + timedelta(seconds=sent))
