"""The one rule set: what becomes of a transition, for every state in which the workflow may be found.

A store looks up the state that it finds, under its lock, so that the judgement and the move are one step.
"""

from collections.abc import Mapping
from typing import Any

from pipelines.lifecycle.configuration import FSMConfiguration, FSMTransition
from sql.lifecycle_rows import Ruling, Verdict

INVALID_TRANSITION = "Invalid transition"
WRONG_EVENT = "Wrong event"
GUARD_FAILED = "Guard condition failed"


class RuleSet:
    """Judges transitions of one machine; what its edges say is judged once and remembered."""

    def __init__(self, configuration: FSMConfiguration) -> None:
        self.configuration = configuration
        self._remembered: dict[tuple[str, str, tuple[bool, ...]], Ruling] = {}
        self._edges: dict[tuple[str, str], list[FSMTransition]] = {}
        for edge in configuration.transitions:
            self._edges.setdefault((edge.to_state, edge.event), []).append(edge)

    def rule(self, to_state: str, event: str, metadata: Mapping[str, Any]) -> Ruling:
        """Return a verdict for each state of the machine. Raises what a guard function raises."""
        edges = self._edges.get((to_state, event), [])
        met = tuple(is_met(edge, metadata) for edge in edges)
        key = (to_state, event, met)
        if key not in self._remembered:
            # Names come from callers: what no machine has is not kept, or anybody could fill the memory.
            ruling = self._ruling(to_state, event, dict(zip((edge.from_state for edge in edges), met, strict=True)))
            if not edges:
                return ruling
            self._remembered[key] = ruling
        return self._remembered[key]

    def _ruling(self, to_state: str, event: str, met: Mapping[str, bool]) -> Ruling:
        return Ruling(
            to_state=to_state,
            event=event,
            is_terminal=self.configuration.is_terminal(to_state),
            verdicts={
                state: judge(self.configuration, state, to_state, event, guard_met=met.get(state, True))
                for state in self.configuration.states
            },
        )


def is_met(edge: FSMTransition, metadata: Mapping[str, Any]) -> bool:
    """Tell whether the metadata satisfies the guard of an edge: a flag must be exactly true."""
    if edge.guard is None:
        return True
    if isinstance(edge.guard, str):
        return metadata.get(edge.guard) is True
    return bool(edge.guard(metadata))


def judge(machine: FSMConfiguration, from_state: str, to_state: str, event: str, *, guard_met: bool) -> Verdict:
    """Return what becomes of one transition.

    >>> from pipelines.lifecycle.configuration import guides_configuration
    >>> judge(guides_configuration(), "COMPLETED", "PENDING", "RETRY_WORKFLOW", guard_met=True).reason
    'Invalid transition: COMPLETED → PENDING; COMPLETED is final'
    """
    between = [edge for edge in machine.transitions if (edge.from_state, edge.to_state) == (from_state, to_state)]
    if not between:
        return Verdict(f"{INVALID_TRANSITION}: {from_state} → {to_state}; {_what_is_possible(machine, from_state)}")
    edge = next((edge for edge in between if edge.event == event), None)
    if edge is None:
        right = " or ".join(edge.event for edge in between)
        return Verdict(f"{WRONG_EVENT}: {from_state} → {to_state} is made by {right}, not by {event}")
    if not guard_met:
        return Verdict(f"{GUARD_FAILED}: {from_state} → {to_state} needs {edge.guard_name}", guard_met=False)
    return Verdict(None, opens_attempt=edge.opens_attempt)


def _what_is_possible(machine: FSMConfiguration, from_state: str) -> str:
    possible = [edge.to_state for edge in machine.transitions if edge.from_state == from_state]
    return f"possible: {', '.join(dict.fromkeys(possible))}" if possible else f"{from_state} is final"
