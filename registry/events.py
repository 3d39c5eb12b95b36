"""What the registry tells others of a change, as messages of JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid5

from registry.backend import Outcome
from registry.enums import EnumHealthStatus, EnumNodeChange
from registry.health import alive_at
from sql.node_rows import CONTENT, Written

_NAMESPACE = UUID("8f8e2f0a-6f0e-5c0b-9d0c-7a4a3d5b9c11")


class EventType(StrEnum):
    """What a message tells."""

    REGISTERED = "NODE_REGISTERED"
    DEREGISTERED = "NODE_DEREGISTERED"
    HEALTH_CHANGED = "NODE_HEALTH_CHANGED"
    INTROSPECTION_REQUESTED = "NODE_INTROSPECTION_REQUESTED"


@dataclass(frozen=True, slots=True)
class NodeEvent:
    """A message. Those of one key keep their order."""

    event_type: EventType
    key: str
    value: bytes


def events_of(outcomes: Sequence[Outcome | None], now: datetime) -> list[NodeEvent]:
    """Return a message for each new revision of a node; what changed nothing, or waits in the spool, is none.

    `node` has what a registration says, and its health.
    """
    return [_event(outcome, now) for outcome in outcomes if isinstance(outcome, Written) and outcome.is_changed]


def aged_event(row: Mapping[str, Any]) -> NodeEvent:
    """Return the message that silence, or its end, has changed a node's health; `row` tells it as `current_health`.

    Whoever sends it makes the same one: its time is when the health changed, which gives the id.
    """
    health, ttl = row["current_health"], timedelta(seconds=row["ttl_seconds"])
    silence = {EnumHealthStatus.DEGRADED: ttl, EnumHealthStatus.UNHEALTHY: 2 * ttl}
    is_by_age = health != (row["health_status"] or EnumHealthStatus.UNKNOWN)
    at = (alive_at(row) or row["updated_at"]) + (silence[health] if is_by_age else timedelta())
    said = _said(row["node_id"], row["revision"], EnumNodeChange.HEALTH) | {
        "node": _node(row) | {"health_status": health}
    }
    event_id = uuid5(_NAMESPACE, f"{row['node_id']}|{row['revision']}|{health}|{at}")
    return _made(EventType.HEALTH_CHANGED, event_id, row["node_id"], at, said)


def request(request_id: UUID, node_id: str | None, now: datetime) -> NodeEvent:
    """Return the message that asks a node, or all of them, to say what they are."""
    said = {"request_id": str(request_id), "node_id": node_id}
    return _made(EventType.INTROSPECTION_REQUESTED, request_id, node_id or "", now, said)


def _event(written: Written, now: datetime) -> NodeEvent:
    said = _said(written.node_id, written.revision, _change(written))
    kind = EventType.DEREGISTERED
    at = now
    if written.row is not None:
        kind = EventType.HEALTH_CHANGED if written.only_health else EventType.REGISTERED
        at = written.row["updated_at"]
        said["node"] = _node(written.row)
    return _made(kind, uuid5(_NAMESPACE, f"{written.node_id}|{written.revision}|{at}"), written.node_id, at, said)


def _said(node_id: str, revision: int, change: EnumNodeChange) -> dict[str, Any]:
    return {"node_id": node_id, "revision": revision, "change": change.value}


def _node(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("node_id", *CONTENT, "health_status")}


def _change(written: Written) -> EnumNodeChange:
    if written.row is None:
        return EnumNodeChange.DEREGISTERED
    if written.is_new:
        return EnumNodeChange.REGISTERED
    return EnumNodeChange.HEALTH if written.only_health else EnumNodeChange.UPDATED


def _made(kind: EventType, event_id: UUID, key: str, at: datetime, said: Mapping[str, Any]) -> NodeEvent:
    event = {"event_id": str(event_id), "event_type": kind.value, "timestamp": at.isoformat(), **said}
    return NodeEvent(kind, key, json.dumps(event, ensure_ascii=False).encode())


__all__ = ["EventType", "NodeEvent", "aged_event", "events_of", "request"]
