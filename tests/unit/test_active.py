"""Workflows under way, from events in any order."""

from itertools import permutations
from uuid import UUID

from ingest.contracts import GenerationEvent
from pipelines import ModelNodeGenerationCompleted, ModelNodeGenerationFailed, ModelNodeGenerationStarted
from pipelines.active import ActiveWorkflows

ONE, OTHER = UUID(int=1), UUID(int=2)


def counted(*events: GenerationEvent) -> int:
    active = ActiveWorkflows()
    for event in events:
        active.note(event)
    return len(active)


def test_started_is_active_until_it_ends() -> None:
    """A workflow is under way from its first event to its end, and is counted once."""
    begun = ModelNodeGenerationStarted(workflow_id=ONE)
    assert counted(begun, begun) == 1
    assert counted(begun, ModelNodeGenerationStarted(workflow_id=OTHER)) == 2
    assert counted(begun, ModelNodeGenerationCompleted(workflow_id=ONE)) == 0
    assert counted(ModelNodeGenerationCompleted(workflow_id=OTHER), begun) == 1


def test_order_of_arrival_does_not_matter() -> None:
    """Events that overtake each other leave the same count: an end that comes first ends what starts later."""
    ended = [
        ModelNodeGenerationStarted(workflow_id=ONE),
        ModelNodeGenerationFailed(workflow_id=ONE),
        ModelNodeGenerationStarted(workflow_id=ONE, retry_count=1),
        ModelNodeGenerationCompleted(workflow_id=ONE, retry_count=1),
    ]
    assert {counted(*order) for order in permutations(ended)} == {0}
    assert {counted(*order) for order in permutations(ended[:3])} == {1}
