"""What differs between two states of a node."""

from collections.abc import Mapping, Sequence
from typing import Any

from registry.enums import EnumNodeChange
from registry.json_values import same
from registry.models import ModelNodeDifference
from sql.node_rows import CONTENT, TwoStates


def differences(states: Sequence[TwoStates]) -> list[ModelNodeDifference]:
    """Return the nodes that are not the same at both times; one that came and went, or changed back, is the same."""
    return [_difference(state, fields) for state in states if (fields := _fields(state.before, state.after))]


def _fields(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[str]:
    if before is None and after is None:
        return []
    if before is None or after is None:
        return ["node_id", *CONTENT, "health_status"]
    return [name for name in (*CONTENT, "health_status") if not same(before[name], after[name])]


def _difference(state: TwoStates, fields: list[str]) -> ModelNodeDifference:
    return ModelNodeDifference(
        node_id=state.node_id,
        change=_change(state, fields),
        fields=fields,
        changes=state.changes,
        changed_at=state.changed_at,
        before=None if state.before is None else dict(state.before),
        after=None if state.after is None else dict(state.after),
    )


def _change(state: TwoStates, fields: list[str]) -> EnumNodeChange:
    if state.before is None:
        return EnumNodeChange.REGISTERED
    if state.after is None:
        return EnumNodeChange.DEREGISTERED
    return EnumNodeChange.HEALTH if fields == ["health_status"] else EnumNodeChange.UPDATED


__all__ = ["differences"]
