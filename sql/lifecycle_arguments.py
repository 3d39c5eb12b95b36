"""What the lifecycle statements take, made of commands: arrays, in the order of their parameters."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

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
    numbers = {key: str(number) for number, key in enumerate(rulings, 1)}
    verdicts = [verdict for ruling in rulings.values() for verdict in ruling.verdicts.values()]
    return (
        source,
        _array([command.workflow_id.hex for command in commands]),
        _array([command.transition_id.hex for command in commands]),
        _array([numbers[id(command.ruling)] for command in commands]),
        _unless_nothing([command.at for command in commands]),
        _metadata(commands),
        _texts([command.idempotency_key for command in commands]),
        _texts([command.correlation_id for command in commands]),
        _texts([command.reason for command in commands]),
        _unless_nothing([command.attempt for command in commands]),
        _texts([command.refusal for command in commands]),
        _unless_nothing([command.conflict or None for command in commands]),
        [ruling.to_state for ruling in rulings.values()],
        [ruling.event for ruling in rulings.values()],
        [ruling.is_terminal for ruling in rulings.values()],
        list(commands[0].ruling.verdicts) if commands else [],
        [verdict.reason for verdict in verdicts],
        [verdict.guard_met for verdict in verdicts],
        [verdict.opens_attempt for verdict in verdicts],
    )


def _metadata(commands: Sequence[Command]) -> str:
    """One element if it is of all; what several share is spelled once."""
    distinct = {id(command.metadata): command.metadata for command in commands}
    texts = {key: _quoted(json_text(metadata)) for key, metadata in distinct.items()}
    return _array(list(texts.values()) if len(texts) == 1 else [texts[id(command.metadata)] for command in commands])


def _array(elements: Sequence[str]) -> str:
    """Spell an array as Postgres reads it: the driver takes longer, element by element, than the server to store it."""
    return "{" + ",".join(elements) + "}"


def _texts(values: Sequence[str | None]) -> str | None:
    if all(value is None for value in values):
        return None
    return _array(["NULL" if value is None else _quoted(value) for value in values])


def _quoted(text: str) -> str:
    r"""Spell a text as an element of an array: the driver takes several times as long for the many quotes of JSON.

    >>> print(_quoted('{"a": "\\"b\\""}'))
    "{\"a\": \"\\\"b\\\"\"}"
    """
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unless_nothing(values: list[Any]) -> list[Any] | None:
    """Send no array of NULLs: Postgres fills up with NULL what is missing."""
    return None if all(value is None for value in values) else values


def json_text(metadata: Mapping[str, Any]) -> str:
    """Spell metadata as JSON."""
    return json.dumps(metadata, ensure_ascii=False, allow_nan=False) if metadata else _NOTHING
