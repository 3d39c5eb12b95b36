"""Both stores against a plain model: whatever is asked of them, in any order."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from pipelines import FSMStateTracker, Transition
from tests.lifecycle import settings_of

#: The guide's table, written down again: where an event leads from, where to, and the flag it needs.
TABLE = {
    "START_ANALYSIS": ({"PENDING"}, "ANALYZING", "has_requirements"),
    "START_GENERATION": ({"ANALYZING"}, "GENERATING", "has_analysis_results"),
    "START_VALIDATION": ({"GENERATING"}, "VALIDATING", "has_generated_code"),
    "COMPLETE_WORKFLOW": ({"VALIDATING"}, "COMPLETED", "validation_passed"),
    "FAIL_WORKFLOW": ({"PENDING", "ANALYZING", "GENERATING", "VALIDATING"}, "FAILED", None),
    "RETRY_WORKFLOW": ({"FAILED"}, "PENDING", None),
}
STATES = ["PENDING", "ANALYZING", "GENERATING", "VALIDATING", "COMPLETED", "FAILED"]
FLAGS = ["has_requirements", "has_analysis_results", "has_generated_code", "validation_passed"]
_NAMESPACE = UUID(int=7)
_MOVE = st.tuples(
    st.one_of(
        st.sampled_from([(to, event) for event, (_, to, _) in TABLE.items()]),
        st.tuples(st.sampled_from(STATES), st.sampled_from(list(TABLE))),
    ),
    st.one_of(st.just(FLAGS), st.lists(st.sampled_from(FLAGS), unique=True)),
    st.sampled_from([None, None, "a", "b"]),
)


class Model:
    """One workflow, as plainly as can be."""

    def __init__(self) -> None:
        self.state, self.count, self.attempt = "PENDING", 0, 1
        self.asked: list[tuple[str, str, bool]] = []
        self.keys: dict[str, tuple[str, str, tuple[bool, str | None]]] = {}

    def move(self, to: str, event: str, flags: list[str], key: str | None) -> tuple[bool, str | None]:
        """Return whether it moves, and the beginning of the error."""
        if key in self.keys:
            before_to, before_event, answer = self.keys[key]
            return answer if (before_to, before_event) == (to, event) else (False, "Idempotency key")
        answer = self._judged(to, event, flags)
        self.asked.append((self.state, to, answer[0]))
        if answer[0]:
            self.attempt += event == "RETRY_WORKFLOW"
            self.state, self.count = to, self.count + 1
        if key is not None:
            self.keys[key] = (to, event, answer)
        return answer

    def _judged(self, to: str, event: str, flags: list[str]) -> tuple[bool, str | None]:
        right = [name for name, (starts, end, _) in TABLE.items() if self.state in starts and end == to]
        if not right:
            return False, "Invalid transition"
        if event not in right:
            return False, "Wrong event"
        flag = TABLE[event][2]
        return (True, None) if flag is None or flag in flags else (False, "Guard condition failed")


class LifecycleMachine(RuleBasedStateMachine):
    """A tracker and models of its workflows."""

    url: str | None = None
    folder = Path()
    runs: Iterator[int] = iter(range(10**6))
    workflows = Bundle("workflows")

    def __init__(self) -> None:
        super().__init__()
        self.run, self.models = next(self.runs), dict[UUID, Model]()
        self.loop = asyncio.new_event_loop()
        given = settings_of(self.url, self.folder) if self.url else None
        self.tracker = FSMStateTracker(enable_postgres_persistence=self.url is not None, settings=given)

    def teardown(self) -> None:
        """Close the tracker."""
        self.loop.run_until_complete(self.tracker.close())
        self.loop.close()

    def ask(self, call: Any) -> Any:
        """Await it."""
        return self.loop.run_until_complete(call)

    @rule(target=workflows, number=st.integers(0, 2))
    def begin(self, number: int) -> UUID:
        """Begin a workflow, perhaps again."""
        workflow_id = uuid5(_NAMESPACE, f"{self.run}/{number}")
        assert self.ask(self.tracker.initialize_workflow(workflow_id)) is (workflow_id not in self.models)
        self.models.setdefault(workflow_id, Model())
        return workflow_id

    @rule(workflow_id=workflows, move=_MOVE)
    def move(self, workflow_id: UUID, move: Any) -> None:
        """Make one transition."""
        (to, event), flags, key = move
        metadata = dict.fromkeys(flags, True)
        answer = self.ask(self.tracker.transition_state(workflow_id, to, event, metadata, idempotency_key=key))
        assert_same(answer, self.models[workflow_id].move(to, event, flags, key))

    @rule(moves=st.lists(st.tuples(workflows, _MOVE), max_size=6))
    def move_many(self, moves: list[Any]) -> None:
        """Make several in one call."""
        asked = [
            Transition(workflow_id, to, event, dict.fromkeys(flags, True), key)
            for workflow_id, ((to, event), flags, key) in moves
        ]
        answers = self.ask(self.tracker.transition_many(asked))
        for answer, (workflow_id, ((to, event), flags, key)) in zip(answers, moves, strict=True):
            assert_same(answer, self.models[workflow_id].move(to, event, flags, key))

    @invariant()
    def the_same_is_true(self) -> None:
        """State, counts, attempts and histories are the models'."""
        for workflow_id, model in self.models.items():
            found = self.ask(self.tracker.get_workflow_state(workflow_id))
            assert (found.current_state, found.transition_count, found.attempt) == (
                model.state, model.count, model.attempt,
            )  # fmt: skip
            assert found.is_terminal is (model.state in ("COMPLETED", "FAILED"))
            history = self.ask(self.tracker.get_transition_history(workflow_id, include_rejected=True))
            assert sorted((t.from_state, t.to_state, t.accepted) for t in history) == sorted(model.asked)
            made = [(t.from_state, t.to_state) for t in history if t.accepted]
            assert made == [(start, to) for start, to, accepted in model.asked if accepted]


def assert_same(answer: tuple[bool, str | None], expected: tuple[bool, str | None]) -> None:
    """The errors begin alike."""
    success, error = answer
    assert (success, error is None) == (expected[0], expected[1] is None)
    assert error is None or error.startswith(str(expected[1]))


@pytest.mark.parametrize("place", ["memory", "postgres"])
def test_the_tracker_is_its_model(place: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Random calls, alone and in bulk, with and without keys, on both stores."""
    url = request.getfixturevalue("database_url") if place == "postgres" else None
    machine = type("Machine", (LifecycleMachine,), {"url": url, "folder": tmp_path})
    examples = 60 if place == "memory" else 12
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
