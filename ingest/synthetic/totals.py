"""Tokens, cost and quality, as far as a producer tells them: what it does not know is absent."""

from typing import Any

from ingest.synthetic.attempts import Attempt, StageRun
from ingest.synthetic.workflows import Habits


def spent(habits: Habits, run: StageRun) -> dict[str, Any]:
    """What one stage used."""
    facts: dict[str, Any] = {}
    if habits.says_tokens:
        facts["tokens_consumed"] = run.tokens
    if habits.says_cost:
        facts["cost_usd"] = round(run.usd, 6)
    return facts


def totals(habits: Habits, attempt: Attempt) -> dict[str, Any]:
    """What a successful attempt used in all, and how good its result is."""
    facts: dict[str, Any] = {}
    if habits.says_quality:
        facts["quality_score"] = round(attempt.quality, 3)
    if habits.says_tokens and habits.says_totals:
        facts["total_tokens"] = sum(run.tokens for run in attempt.stages)
    if habits.says_cost and habits.says_totals:
        facts["total_cost_usd"] = round(sum(round(run.usd, 6) for run in attempt.stages), 6)
    return facts
