"""Ways in which a message can be broken. Each takes a sound payload and returns the bytes of a bad message."""

import json
from collections.abc import Callable
from itertools import cycle
from random import Random
from typing import Any

from ingest.synthetic.message import Kind

Payload = dict[str, Any]

#: Python writes NaN as it is, which is no JSON: so do careless producers.
encode = json.JSONEncoder(separators=(",", ":")).encode


def broken_json(payload: Payload, _kind: Kind) -> bytes:
    """Cut off in the middle."""
    text = encode(payload).encode()
    return text[: len(text) * 2 // 3]


def not_an_object(payload: Payload, _kind: Kind) -> bytes:
    """A list where an object is due."""
    return encode([payload]).encode()


def wrong_type(payload: Payload, kind: Kind) -> bytes:
    """A duration in words."""
    return encode({**payload, _duration_field(payload, kind): "fast"}).encode()


def unknown_kind(payload: Payload, _kind: Kind) -> bytes:
    """An event type nobody has heard of."""
    return encode({**payload, "event_type": "NODE_GENERATION_PAUSED"}).encode()


def not_a_number(payload: Payload, kind: Kind) -> bytes:
    """A duration of NaN."""
    return encode({**payload, _duration_field(payload, kind): float("nan")}).encode()


def negative_duration(payload: Payload, kind: Kind) -> bytes:
    """A duration below zero."""
    return encode({**payload, _duration_field(payload, kind): -1}).encode()


def far_future(payload: Payload, _kind: Kind) -> bytes:
    """An event of the next millennium."""
    return encode({**payload, "timestamp": "3025-01-01T00:00:00.000Z"}).encode()


def missing_workflow_id(payload: Payload, _kind: Kind) -> bytes:
    """An event of no workflow."""
    return encode({name: value for name, value in payload.items() if name != "workflow_id"}).encode()


def invalid_utf8(payload: Payload, _kind: Kind) -> bytes:
    """A text in another encoding."""
    return encode({**payload, "note": "caf?"}).encode().replace(b"caf?", b"caf\xe9")


FAULTS: tuple[Callable[[Payload, Kind], bytes], ...] = (
    broken_json,
    not_an_object,
    wrong_type,
    unknown_kind,
    not_a_number,
    negative_duration,
    far_future,
    missing_workflow_id,
    invalid_utf8,
)


class Encoder:
    """Turns payloads into bytes and breaks a few, each fault in its turn, so that none is left to chance."""

    def __init__(self, rng: Random, share: float) -> None:
        self._rng = rng
        self._share = share
        self._faults = cycle(FAULTS)

    def __call__(self, payload: Payload, kind: Kind) -> bytes:
        """Return the message's value. STARTED is never broken: it has no duration that could be wrong."""
        if self._rng.random() < self._share and kind != "started":
            return next(self._faults)(payload, kind)
        return encode(payload).encode()


def _duration_field(payload: Payload, kind: Kind) -> str:
    if kind == "stage_completed":
        return "duration_ms" if "duration_ms" in payload else "duration_seconds"
    return "total_duration_seconds" if kind == "completed" else "partial_duration_seconds"
