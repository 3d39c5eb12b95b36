"""What the lifecycle statements take, made of commands: arrays, in the order of their parameters."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sql.lifecycle_rows import Command, NewWorkflow

_NOTHING = "{}"


def beginnings(workflows: Sequence[NewWorkflow]) -> dict[str, Any]:
    """Return the parameters of begin_workflows; the first of each id counts."""
    first = {workflow.workflow_id: workflow for workflow in reversed(workflows)}
    return {
        "workflow_ids": list(first),
        "states": [workflow.state for workflow in first.values()],
        "ats": [workflow.at for workflow in first.values()],
        "metadata": [json_text(workflow.metadata) for workflow in first.values()],
        "correlation_ids": [workflow.correlation_id for workflow in first.values()],
    }


def one(command: Command) -> tuple[Any, ...]:
    """Return the parameters of make_transition."""
    ruling, verdicts = command.ruling, command.ruling.verdicts.values()
    return (
        command.workflow_id,
        command.transition_id,
        ruling.to_state,
        ruling.event,
        ruling.is_terminal,
        list(ruling.verdicts),
        [verdict.reason for verdict in verdicts],
        [verdict.guard_met for verdict in verdicts],
        [verdict.opens_attempt for verdict in verdicts],
        command.at,
        json_text(command.metadata),
        command.idempotency_key,
        command.correlation_id,
        command.reason,
    )


def many(commands: Sequence[Command], source: str) -> tuple[Any, ...]:
    """Return the parameters of make_transitions; a ruling that many share is sent once.

    All rulings are of one machine: they have the same states in the same order.
    """
    rulings = {id(command.ruling): command.ruling for command in commands}
    numbers = {key: number for number, key in enumerate(rulings, 1)}
    verdicts = [verdict for ruling in rulings.values() for verdict in ruling.verdicts.values()]
    texts = {id(command.metadata): json_text(command.metadata) for command in commands}
    return (
        source,
        _uuids(command.workflow_id for command in commands),
        _uuids(command.transition_id for command in commands),
        [numbers[id(command.ruling)] for command in commands],
        _unless_nothing([command.at for command in commands]),
        [texts[id(command.metadata)] for command in commands],
        _unless_nothing([command.idempotency_key for command in commands]),
        _unless_nothing([command.correlation_id for command in commands]),
        _unless_nothing([command.reason for command in commands]),
        _unless_nothing([command.attempt for command in commands]),
        _unless_nothing([command.refusal for command in commands]),
        _unless_nothing([command.conflict or None for command in commands]),
        [ruling.to_state for ruling in rulings.values()],
        [ruling.event for ruling in rulings.values()],
        [ruling.is_terminal for ruling in rulings.values()],
        list(commands[0].ruling.verdicts) if commands else [],
        [verdict.reason for verdict in verdicts],
        [verdict.guard_met for verdict in verdicts],
        [verdict.opens_attempt for verdict in verdicts],
    )


def _uuids(ids: Iterable[UUID]) -> str:
    """Spell an array as Postgres reads it: the driver takes longer, element by element."""
    return "{" + ",".join([one.hex for one in ids]) + "}"


def _unless_nothing(values: list[Any]) -> list[Any] | None:
    """Send no array of NULLs: Postgres fills up with NULL what is missing."""
    return None if all(value is None for value in values) else values


def json_text(metadata: Mapping[str, Any]) -> str:
    """Spell metadata as JSON."""
    return json.dumps(metadata, ensure_ascii=False, allow_nan=False) if metadata else _NOTHING
