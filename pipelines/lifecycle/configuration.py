"""A state machine as data: states, edges and guards, checked when it is made."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from omninode.errors import BadInput
from pipelines.lifecycle.states import EnumTransitionEvent, EnumWorkflowState

#: The name of a flag in a transition's metadata that must be true, or a function of the metadata.
Guard = str | Callable[[Mapping[str, Any]], bool]

#: As wide as the columns.
MAX_NAME = 50
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]*")


@dataclass(frozen=True, slots=True)
class FSMTransition:
    """An edge: in `from_state`, `event` moves a workflow to `to_state`, if the guard lets it."""

    from_state: str
    to_state: str
    event: str
    #: None: nothing is asked.
    guard: Guard | None = None
    #: The workflow is tried again: its attempt counts one more.
    opens_attempt: bool = False

    @property
    def guard_name(self) -> str:
        """The guard as an error names it."""
        return self.guard if isinstance(self.guard, str) else getattr(self.guard, "__name__", "guard")


@dataclass(frozen=True)
class FSMConfiguration:
    """A state machine. Raises `BadInput` for one in which a workflow could get lost.

    `terminal_states` end a workflow; only an edge that opens an attempt may leave one. Every state must be reachable
    from the initial one and have a way to a terminal one. One event leads from a state to one other state only.

    >>> FSMConfiguration(("A", "B"), "A", {"B"}, (FSMTransition("A", "B", "GO"),)).is_terminal("B")
    True
    >>> FSMConfiguration(("A", "B", "C"), "A", {"B"}, (FSMTransition("A", "B", "GO"),))
    Traceback (most recent call last):
    ...
    omninode.errors.BadInput: FSMConfiguration: C cannot be reached from A; add a transition to it, or leave it out
    """

    states: tuple[str, ...]
    initial_state: str
    terminal_states: frozenset[str] | set[str]
    transitions: tuple[FSMTransition, ...]

    def __post_init__(self) -> None:
        """Check the machine, and keep it in a form that nobody can change."""
        object.__setattr__(self, "states", tuple(map(str, self.states)))
        object.__setattr__(self, "terminal_states", frozenset(map(str, self.terminal_states)))
        object.__setattr__(self, "transitions", tuple(self.transitions))
        for fault in _faults(self):
            raise BadInput(f"FSMConfiguration: {fault}")

    def is_terminal(self, state: str) -> bool:
        """Tell whether a workflow ends there."""
        return state in self.terminal_states

    def require_state(self, state: str) -> str:
        """Return the state's name. Raises `BadInput` if there is no such state."""
        if state not in self.states:
            raise BadInput(f"{str(state)!r} is no state; there are: {', '.join(self.states)}")
        return str(state)


def _faults(machine: FSMConfiguration) -> Iterable[str]:
    """Yield what is wrong, the basic things first: the later ones are only looked for in what makes sense."""
    yield from _bad_names(machine)
    yield from _unknown_states(machine)
    yield from _ambiguous_edges(machine)
    yield from _bad_ends(machine)
    yield from _dead_ends(machine)


def _bad_names(machine: FSMConfiguration) -> Iterable[str]:
    names = [*machine.states, *(edge.event for edge in machine.transitions)]
    for name in names:
        if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
            yield f"{str(name)!r} is no name; use at most {MAX_NAME} letters, digits and '_.:-', a letter first"
    for state, count in Counter(machine.states).items():
        if count > 1:
            yield f"{state} is named {count} times; name each state once"


def _unknown_states(machine: FSMConfiguration) -> Iterable[str]:
    edges = [state for edge in machine.transitions for state in (edge.from_state, edge.to_state)]
    for state in [machine.initial_state, *sorted(machine.terminal_states), *edges]:
        if state not in machine.states:
            yield f"{state} is used, but is none of the states; add it to them"


def _ambiguous_edges(machine: FSMConfiguration) -> Iterable[str]:
    for (state, event), count in Counter((edge.from_state, edge.event) for edge in machine.transitions).items():
        if count > 1:
            yield f"{event} in {state} is ambiguous, {count} transitions begin so; give each an event of its own"


def _bad_ends(machine: FSMConfiguration) -> Iterable[str]:
    if not machine.terminal_states:
        yield "there is no terminal state, so no workflow would ever end; name at least one"
    if machine.initial_state in machine.terminal_states:
        yield f"the initial state {machine.initial_state} is terminal, so workflows would end before they begin"
    for edge in machine.transitions:
        if edge.from_state in machine.terminal_states and not edge.opens_attempt:
            yield f"{edge.from_state} is terminal, but {edge.event} leaves it; set opens_attempt, or let it be no end"


def _dead_ends(machine: FSMConfiguration) -> Iterable[str]:
    forward = {(edge.from_state, edge.to_state) for edge in machine.transitions}
    reached = _closure({machine.initial_state}, forward)
    ending = _closure(set(machine.terminal_states), {(to, start) for start, to in forward})
    for state in machine.states:
        if state not in reached:
            yield (f"{state} cannot be reached from {machine.initial_state}; add a transition to it, or leave it out")
        if state not in ending:
            yield f"no terminal state can be reached from {state}; add a transition that leads to one"


def _closure(states: set[str], edges: set[tuple[str, str]]) -> set[str]:
    while new := {to for start, to in edges if start in states} - states:
        states |= new
    return states


def guides_configuration() -> FSMConfiguration:
    """Return the machine of the guide: six states, four guards; a failed workflow may be tried again."""
    state, event = EnumWorkflowState, EnumTransitionEvent
    forward = (
        FSMTransition(state.PENDING, state.ANALYZING, event.START_ANALYSIS, "has_requirements"),
        FSMTransition(state.ANALYZING, state.GENERATING, event.START_GENERATION, "has_analysis_results"),
        FSMTransition(state.GENERATING, state.VALIDATING, event.START_VALIDATION, "has_generated_code"),
        FSMTransition(state.VALIDATING, state.COMPLETED, event.COMPLETE_WORKFLOW, "validation_passed"),
    )
    failing = tuple(FSMTransition(edge.from_state, state.FAILED, event.FAIL_WORKFLOW) for edge in forward)
    retry = FSMTransition(state.FAILED, state.PENDING, event.RETRY_WORKFLOW, opens_attempt=True)
    return FSMConfiguration(
        tuple(state), state.PENDING, frozenset({state.COMPLETED, state.FAILED}), (*forward, *failing, retry)
    )
