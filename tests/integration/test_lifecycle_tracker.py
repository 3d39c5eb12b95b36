"""One suite for both stores: whatever the tracker promises holds in memory and in Postgres."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from omninode.errors import BadInput
from pipelines import EnumWorkflowState, FSMConfiguration, FSMStateTracker, FSMTransition, Transition
from tests.lifecycle import ALL_FLAGS, HAPPY_PATH, begun, tracker_on


@pytest.fixture(params=["memory", "postgres"])
async def tracker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FSMStateTracker]:
    """A tracker on each of the two stores in turn."""
    url = request.getfixturevalue("database_url") if request.param == "postgres" else None
    async with tracker_on(url, tmp_path) as found:
        yield found


async def test_a_workflow_begins_once(tracker: FSMStateTracker) -> None:
    """The second call changes nothing and says so."""
    workflow_id = uuid4()
    assert await tracker.initialize_workflow(workflow_id, EnumWorkflowState.PENDING, {"domain": "api"})
    assert not await tracker.initialize_workflow(str(workflow_id), EnumWorkflowState.ANALYZING)
    workflow = await tracker.get_workflow_state(workflow_id)
    assert workflow is not None
    assert (workflow.current_state, workflow.metadata, workflow.transition_count) == ("PENDING", {"domain": "api"}, 0)
    assert (workflow.previous_state, workflow.attempt, workflow.is_terminal) == (None, 1, False)
    assert await tracker.get_transition_history(workflow_id) == []


async def test_the_happy_path(tracker: FSMStateTracker) -> None:
    """Four transitions to COMPLETED, numbered, in order, each with the time spent before it."""
    workflow_id = await begun(tracker, 4)
    workflow = await tracker.get_workflow_state(workflow_id)
    assert workflow is not None
    assert (workflow.current_state, workflow.previous_state) == ("COMPLETED", "VALIDATING")
    assert (workflow.transition_count, workflow.is_terminal) == (4, True)
    assert workflow.metadata == ALL_FLAGS
    history = await tracker.get_transition_history(workflow_id)
    assert [(t.to_state, t.event) for t in history] == HAPPY_PATH
    assert [t.transition_number for t in history] == [1, 2, 3, 4]
    assert all(t.accepted and t.guard_conditions_met and t.from_state_seconds is not None for t in history)
    assert all(t.from_state_seconds >= 0 for t in history if t.from_state_seconds is not None)


@pytest.mark.parametrize(
    ("steps", "state", "event", "metadata", "error"),
    [
        (
            0,
            "COMPLETED",
            "COMPLETE_WORKFLOW",
            ALL_FLAGS,
            "Invalid transition: PENDING → COMPLETED; possible: ANALYZING",
        ),
        (4, "PENDING", "RETRY_WORKFLOW", ALL_FLAGS, "Invalid transition: COMPLETED → PENDING; COMPLETED is final"),
        (4, "FAILED", "FAIL_WORKFLOW", {}, "Invalid transition: COMPLETED → FAILED"),
        (0, "ANALYZING", "START_GENERATION", ALL_FLAGS, "Wrong event: PENDING → ANALYZING is made by START_ANALYSIS"),
        (0, "ANALYZING", "START_ANALYSIS", {}, "Guard condition failed: PENDING → ANALYZING needs has_requirements"),
        (0, "ANALYZING", "START_ANALYSIS", {"has_requirements": "yes"}, "Guard condition failed"),
        (0, "NOWHERE", "START_ANALYSIS", {}, "Invalid transition: PENDING → NOWHERE"),
    ],
)
async def test_what_is_refused_is_kept_with_its_reason(
    tracker: FSMStateTracker, steps: int, state: str, event: str, metadata: dict[str, object], error: str
) -> None:
    """It moves nothing, the error is the guide's, and it stands in the full history."""
    workflow_id = await begun(tracker, steps)
    before = await tracker.get_workflow_state(workflow_id)
    success, told = await tracker.transition_state(workflow_id, state, event, metadata)
    assert not success
    assert told is not None
    assert told.startswith(error)
    assert await tracker.get_workflow_state(workflow_id) == before
    (*_, kept) = await tracker.get_transition_history(workflow_id, include_rejected=True)
    assert (kept.accepted, kept.reason, kept.transition_number) == (False, told, None)
    assert kept.guard_conditions_met is not told.startswith("Guard")
    assert len(await tracker.get_transition_history(workflow_id)) == steps


async def test_unknown_workflows(tracker: FSMStateTracker) -> None:
    """They have no state, no history, cannot move, and are not at their end."""
    workflow_id = uuid4()
    success, error = await tracker.transition_state(workflow_id, "ANALYZING", "START_ANALYSIS", ALL_FLAGS)
    assert (success, error) == (False, f"Unknown workflow: {workflow_id}; begin it with initialize_workflow")
    assert await tracker.get_workflow_state(workflow_id) is None
    assert await tracker.get_transition_history(workflow_id, include_rejected=True) == []
    assert not await tracker.is_terminal_state(workflow_id)


async def test_failing_and_trying_again(tracker: FSMStateTracker) -> None:
    """From any state that is not terminal a workflow may fail; a retry opens the next attempt."""
    for steps in range(4):
        workflow_id = await begun(tracker, steps)
        assert await tracker.transition_state(workflow_id, "FAILED", "FAIL_WORKFLOW", reason="boom") == (True, None)
        assert await tracker.is_terminal_state(workflow_id)
        assert await tracker.transition_state(workflow_id, "PENDING", "RETRY_WORKFLOW") == (True, None)
        workflow = await tracker.get_workflow_state(workflow_id)
        assert workflow is not None
        assert (workflow.attempt, workflow.current_state, workflow.is_terminal) == (2, "PENDING", False)
        *_, failed, retried = await tracker.get_transition_history(workflow_id)
        assert (failed.attempt, failed.reason, retried.attempt) == (1, "boom", 2)
    assert await tracker.is_terminal_state("FAILED")


async def test_the_same_command_twice_moves_once(tracker: FSMStateTracker) -> None:
    """A key answers for good as it did first, accepted or refused; for another transition it is refused."""
    workflow_id, other = await begun(tracker), await begun(tracker)
    answers = await asyncio.gather(
        *(
            tracker.transition_state(workflow_id, "ANALYZING", "START_ANALYSIS", ALL_FLAGS, idempotency_key="k")
            for _ in range(8)
        )
    )
    assert answers == [(True, None)] * 8
    assert len(await tracker.get_transition_history(workflow_id, include_rejected=True)) == 1
    first = await tracker.transition_state(other, "ANALYZING", "START_ANALYSIS", idempotency_key="k")
    again = await tracker.transition_state(other, "ANALYZING", "START_ANALYSIS", ALL_FLAGS, idempotency_key="k")
    assert first == again
    assert not first[0]
    success, error = await tracker.transition_state(workflow_id, "FAILED", "FAIL_WORKFLOW", idempotency_key="k")
    assert (success, error) == (False, "Idempotency key 'k' was used for another transition; use a key once")


async def test_many_in_one_call(tracker: FSMStateTracker) -> None:
    """Several of one workflow are made in their order, those refused stop nobody, and each gets its own answer."""
    first, second = await begun(tracker), await begun(tracker)
    steps = [Transition(first, state, event, ALL_FLAGS) for state, event in HAPPY_PATH]
    refused, unknown = (
        Transition(second, "COMPLETED", "COMPLETE_WORKFLOW"),
        Transition(uuid4(), "FAILED", "FAIL_WORKFLOW"),
    )
    answers = await tracker.transition_many([*steps[:2], refused, unknown, *steps[2:]])
    assert [success for success, _ in answers] == [True, True, False, False, True, True]
    assert [str(error).split(":")[0] for _, error in answers[2:4]] == ["Invalid transition", "Unknown workflow"]
    assert [t.to_state for t in await tracker.get_transition_history(first)] == [state for state, _ in HAPPY_PATH]
    assert await tracker.transition_many([]) == []
    twice = uuid4()
    assert await tracker.initialize_many([twice, first, twice]) == [True, False, False]


async def test_very_many_in_one_call(tracker: FSMStateTracker) -> None:
    """They go in parts, yet each gets its own answer, texts survive, and what cannot be kept stops them all."""
    workflows = [uuid4() for _ in range(700)]
    await tracker.initialize_many(workflows)
    step, text = HAPPY_PATH[0], {"text": "naïve \\ \"quoted\" {NULL}, '😀'\n"}
    asked = [Transition(one, *step, ALL_FLAGS | text, f'k "{n}"') for n, one in enumerate(workflows)]
    refused = [Transition(one, *HAPPY_PATH[2], ALL_FLAGS, reason="NULL") for one in workflows[::2]]
    bad = Transition(max(workflows), *step, {"x": object()})
    with pytest.raises(BadInput, match="metadata: JSON cannot hold it"):
        await tracker.transition_many([*asked, bad])
    assert (await tracker.get_metrics())["workflow_state_count"] == {"PENDING": 700}
    answers = await tracker.transition_many([*refused[:100], *asked, *refused[100:], *asked])
    error = "Invalid transition: {} → VALIDATING; possible: {}, FAILED"
    assert answers[:100] == [(False, error.format("PENDING", "ANALYZING"))] * 100
    assert answers[800:1050] == [(False, error.format("ANALYZING", "GENERATING"))] * 250
    assert answers[100:800] == answers[1050:] == [(True, None)] * 700
    history = await tracker.get_transition_history(workflows[0], include_rejected=True)
    assert [(t.to_state, t.idempotency_key) for t in history] == [("VALIDATING", None), ("ANALYZING", 'k "0"')]
    assert history[1].metadata == ALL_FLAGS | text


async def test_workflows_are_found(tracker: FSMStateTracker) -> None:
    """By state, the longest in it first, and by any correlation id that they ever had."""
    first, second, ended = await begun(tracker, 1), await begun(tracker, 1), await begun(tracker, 4)
    third = uuid4()
    await tracker.initialize_workflow(third, correlation_id="c-1")
    assert await tracker.get_active_workflows_by_state("ANALYZING") == [first, second]
    assert await tracker.get_active_workflows_by_state(EnumWorkflowState.COMPLETED) == []
    assert [w.workflow_id for w in await tracker.find_workflows(state="COMPLETED")] == [ended]
    move = (third, "ANALYZING", "START_ANALYSIS")
    await tracker.transition_state(*move, correlation_id="refused")
    for correlation_id in ("c-2", "repeated"):
        await tracker.transition_state(*move, ALL_FLAGS, idempotency_key="k", correlation_id=correlation_id)
    await tracker.transition_many([Transition(third, "FAILED", "FAIL_WORKFLOW", correlation_id="c-3")] * 2)
    for correlation_id in ("c-1", "refused", "c-2", "repeated", "c-3"):
        found = await tracker.find_workflows(correlation_id=correlation_id)
        assert [(w.workflow_id, w.correlation_id, w.archived_at) for w in found] == [(third, "c-3", None)]
    assert await tracker.find_workflows(correlation_id="c-") == []
    assert await tracker.find_workflows(correlation_id="c-1", state="PENDING") == []
    history = await tracker.get_transition_history(third, include_rejected=True)
    assert [t.correlation_id for t in history] == ["refused", "c-2", "c-3", "c-3"]


async def test_metrics_are_made_from_the_state(tracker: FSMStateTracker) -> None:
    """Workflows by state, active ones, transitions made and refused."""
    for steps in range(5):
        await begun(tracker, steps)
    await tracker.transition_state(await begun(tracker), "COMPLETED", "COMPLETE_WORKFLOW")
    metrics = await tracker.get_metrics()
    assert metrics["workflow_state_count"] == {
        "ANALYZING": 1,
        "COMPLETED": 1,
        "GENERATING": 1,
        "PENDING": 2,
        "VALIDATING": 1,
    }
    assert (metrics["workflows_total"], metrics["active_workflows_count"]) == (6, 5)
    assert (metrics["workflow_state_transitions_total"], metrics["rejected_transitions_total"]) == (10, 1)


async def test_cleaning_up(tracker: FSMStateTracker) -> None:
    """Only ended workflows go, only old ones, and the counts of transitions stay."""
    ended, active = await begun(tracker, 4), await begun(tracker, 2)
    assert await tracker.cleanup_terminal_workflows() == 0
    assert await tracker.cleanup_terminal_workflows(older_than_hours=0) == 1
    assert await tracker.get_workflow_state(ended) is None
    assert await tracker.get_transition_history(ended) == []
    assert await tracker.get_workflow_state(active) is not None
    metrics = await tracker.get_metrics()
    assert (metrics["workflow_state_transitions_total"], metrics["workflows_total"]) == (6, 1)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"workflow_id": "no-uuid"}, "workflow_id: 'no-uuid' is no UUID"),
        ({"metadata": {"x": float("nan")}}, "metadata: JSON cannot hold it"),
        ({"metadata": {"x": object()}}, "metadata: JSON cannot hold it"),
        ({"metadata": {"x": "\0"}}, "metadata: give at most 65536"),
        ({"metadata": {"x": "\ud800"}}, "metadata: give at most 65536"),
        ({"metadata": {"x": "y" * 70_000}}, "metadata: give at most 65536"),
        ({"metadata": ["x"]}, "metadata: list is no mapping"),
        ({"idempotency_key": ""}, "idempotency_key: give 1 to 255"),
        ({"correlation_id": "x" * 256}, "correlation_id: give 1 to 255"),
        ({"to_state": "x" * 51}, "to_state: 'x"),
        ({"event": "a\nb"}, "event: 'a"),
    ],
)
async def test_bad_input_is_named_and_leaves_nothing(
    tracker: FSMStateTracker, arguments: dict[str, object], error: str
) -> None:
    """One line that names the argument; the workflow's history is as before."""
    workflow_id = await begun(tracker)
    call: dict[str, object] = {
        "workflow_id": workflow_id,
        "to_state": "ANALYZING",
        "event": "START_ANALYSIS",
        "metadata": ALL_FLAGS,
    }
    with pytest.raises(BadInput) as raised:
        await tracker.transition_state(**call | arguments)  # type: ignore[arg-type]
    assert str(raised.value).startswith(error)
    assert "\n" not in str(raised.value)
    assert await tracker.get_transition_history(workflow_id, include_rejected=True) == []


async def test_text_of_all_kinds_survives(tracker: FSMStateTracker) -> None:
    """Metadata come back as they went in."""
    workflow_id = uuid4()
    metadata = {"text": 'naïve ✓ 😀 "quoted" \\ \', {NULL}', "deep": {"list": [1, 2.5, None, True]}}
    await tracker.initialize_workflow(workflow_id, metadata=metadata)
    await tracker.transition_state(workflow_id, "ANALYZING", "START_ANALYSIS", ALL_FLAGS | {"text": "later"})
    workflow = await tracker.get_workflow_state(workflow_id)
    assert workflow is not None
    assert json.loads(json.dumps(workflow.metadata)) == metadata | ALL_FLAGS | {"text": "later"}
    moves = [Transition(workflow_id, *HAPPY_PATH[1], ALL_FLAGS | metadata), Transition(uuid4(), *HAPPY_PATH[1])]
    assert [made for made, _ in await tracker.transition_many(moves)] == [True, False]
    *_, last = await tracker.get_transition_history(workflow_id)
    assert last.metadata == ALL_FLAGS | metadata


async def test_beginning_at_the_end_is_refused(tracker: FSMStateTracker) -> None:
    """A state must be one of the machine's, and not terminal."""
    for state, error in (("COMPLETED", "COMPLETED is terminal"), ("NOWHERE", "'NOWHERE' is no state; there are: PEND")):
        with pytest.raises(BadInput, match=error):
            await tracker.initialize_workflow(uuid4(), state)
    with pytest.raises(BadInput, match="older_than_hours"):
        await tracker.cleanup_terminal_workflows(-1)


@pytest.mark.parametrize("place", ["memory", "postgres"])
async def test_a_machine_of_ones_own(place: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """States, events and guards of a team; a guard is a function; another machine's state is refused by name."""
    url = request.getfixturevalue("database_url") if place == "postgres" else None

    def is_large(metadata: object) -> bool:
        return isinstance(metadata, dict) and metadata.get("size", 0) > 10

    machine = FSMConfiguration(
        ("draft", "review", "done"),
        "draft",
        {"done"},
        (
            FSMTransition("draft", "review", "submit", is_large),
            FSMTransition("review", "done", "approve"),
            FSMTransition("review", "draft", "send_back"),
        ),
    )
    async with tracker_on(url, tmp_path, machine) as tracker:
        workflow_id: UUID = await begun(tracker)
        refused = await tracker.transition_state(workflow_id, "review", "submit", {"size": 3})
        assert refused == (False, "Guard condition failed: draft → review needs is_large")
        for state, event in (("review", "submit"), ("draft", "send_back"), ("review", "submit"), ("done", "approve")):
            assert await tracker.transition_state(workflow_id, state, event, {"size": 11}) == (True, None)
        assert await tracker.is_terminal_state(workflow_id)
    if url is not None:
        async with tracker_on(url, tmp_path) as guides:
            told = await guides.transition_state(workflow_id, "PENDING", "RETRY_WORKFLOW")
            many = await guides.transition_many([Transition(workflow_id, "PENDING", "RETRY_WORKFLOW")] * 2)
        expected = "Invalid transition: the workflow is in done, which is no state of this configuration"
        assert [told, *many] == [(False, expected)] * 3
