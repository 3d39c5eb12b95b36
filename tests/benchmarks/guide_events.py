"""Clean events as the guide shows them, made quickly: about 250 bytes each, eight to a workflow."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from ingest.kinds import EventKind
from ingest.producer import Outgoing
from ingest.synthetic.world import DOMAINS, NODE_TYPES, STAGES

EVENTS_PER_WORKFLOW = 8

_HEAD = '{"event_type":"NODE_GENERATION_%s","workflow_id":"%s","timestamp":"%s",'
_STARTED = _HEAD + '"node_type":"%s","domain":"%s"}'
_STAGE = _HEAD + (
    '"stage_name":"%s","stage_number":%d,"duration_ms":%d,"success":true,"tokens_consumed":%d,"cost_usd":%.6f}'
)
_COMPLETED = _HEAD + (
    '"node_type":"%s","domain":"%s","total_duration_seconds":%.3f,"quality_score":%.3f,'
    '"total_tokens":%d,"total_cost_usd":%.6f}'
)
_FAILED = _HEAD + '"node_type":"%s","failed_stage":"%s","error_message":"Quality score below threshold"}'

_FAILED_SHARE = 0.08
_USD_PER_TOKEN = 4e-6


def guide_events(*, workflows: int, seed: int, start: datetime, period: timedelta) -> Iterator[Outgoing]:
    """Yield the events of workflows that start evenly spread over the period; the same arguments give the same bytes.

    A workflow takes some minutes, and its events follow one another; the events of all are in the order of its start.
    """
    rng = Random(seed)
    for number in range(workflows):
        yield from _workflow(rng, start + period * (number / workflows))


def _workflow(rng: Random, time: datetime) -> Iterator[Outgoing]:
    text = f"{rng.getrandbits(128):032x}"
    workflow_id = f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
    key = workflow_id.encode()
    node_type, domain = NODE_TYPES.draw(rng).name, DOMAINS.draw(rng).name
    began, tokens = time, 0

    def event(kind: EventKind, template: str, *facts: object) -> Outgoing:
        timestamp = f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"
        name = kind.name
        return Outgoing(kind, key, (template % (name, workflow_id, timestamp, *facts)).encode(), time)

    yield event(EventKind.STARTED, _STARTED, node_type, domain)
    for number, stage in enumerate(STAGES[: EVENTS_PER_WORKFLOW - 2], start=1):
        milliseconds, used = rng.randrange(500, 60_000), rng.randrange(100, 3_000)
        time += timedelta(milliseconds=milliseconds)
        tokens += used
        yield event(EventKind.STAGE_COMPLETED, _STAGE, stage.name, number, milliseconds, used, used * _USD_PER_TOKEN)
    if rng.random() < _FAILED_SHARE:
        yield event(EventKind.FAILED, _FAILED, node_type, "validation")
        return
    seconds, quality = (time - began).total_seconds(), rng.triangular(0.4, 1.0, 0.85)
    yield event(EventKind.COMPLETED, _COMPLETED, node_type, domain, seconds, quality, tokens, tokens * _USD_PER_TOKEN)
