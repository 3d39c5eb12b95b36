"""The generator of believable events."""

import json
import random
import tracemalloc
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from math import isfinite
from statistics import fmean
from typing import Any, NamedTuple

import pytest

from ingest.synthetic import MAX_LATENESS, SyntheticMessage, synthetic_messages
from omninode.errors import BadInput

START = datetime(2025, 9, 29, tzinfo=UTC)
DAYS = 35
WORKFLOWS = 20_000
EVENT_TYPES = {
    "NODE_GENERATION_STARTED",
    "NODE_GENERATION_STAGE_COMPLETED",
    "NODE_GENERATION_COMPLETED",
    "NODE_GENERATION_FAILED",
}
DURATIONS = ("duration_ms", "duration_seconds", "total_duration_seconds", "partial_duration_seconds")


class Told(NamedTuple):
    """A sound message and what it says."""

    message: SyntheticMessage
    says: dict[str, Any]
    time: datetime


def messages(workflows: int = 300, *, seed: int = 1, start: datetime = START, days: int = 7) -> list[SyntheticMessage]:
    return list(synthetic_messages(workflows=workflows, seed=seed, start=start, days=days))


def fault_of(value: bytes) -> str | None:
    """Say what is wrong with a message, without asking the generator."""
    try:
        says = json.loads(value.decode())
    except UnicodeDecodeError:
        return "invalid UTF-8"
    except json.JSONDecodeError:
        return "broken JSON"
    return fault_of_payload(says) if isinstance(says, dict) else "not an object"


def fault_of_payload(says: dict[str, Any]) -> str | None:
    if "workflow_id" not in says:
        return "missing workflow_id"
    if says.get("event_type", "NODE_GENERATION_STARTED") not in EVENT_TYPES:
        return "unknown kind"
    if datetime.fromisoformat(says["timestamp"]) > START + timedelta(days=DAYS + 4):
        return "far future"
    return next((fault for name in DURATIONS if (fault := fault_of_duration(says.get(name, 0)))), None)


def fault_of_duration(duration: object) -> str | None:
    if not isinstance(duration, int | float):
        return "wrong type"
    if not isfinite(duration):
        return "not a number"
    return "negative duration" if duration < 0 else None


@pytest.fixture(scope="module")
def stream() -> list[SyntheticMessage]:
    return messages(WORKFLOWS, days=DAYS)


@pytest.fixture(scope="module")
def told(stream: list[SyntheticMessage]) -> list[Told]:
    sound = (message for message in stream if fault_of(message.value) is None)
    says = ((message, json.loads(message.value)) for message in sound)
    return [Told(message, says, datetime.fromisoformat(says["timestamp"])) for message, says in says]


@pytest.fixture(scope="module")
def distinct(told: list[Told]) -> list[Told]:
    return list({one.message.value: one for one in told}.values())


def of_kind(told: list[Told], kind: str) -> list[Told]:
    return [one for one in told if one.message.kind == kind]


def by_subject(told: list[Told]) -> dict[bytes, dict[str, Any]]:
    """What each workflow's first STARTED says."""
    return {one.message.key: one.says for one in reversed(of_kind(told, "started"))}


def terminals(distinct: list[Told]) -> list[Told]:
    return of_kind(distinct, "completed") + of_kind(distinct, "failed")


def failure_rates(distinct: list[Told], field: str) -> dict[str, float]:
    """The share of failures among the terminal events of each value of a field of STARTED."""
    subjects = by_subject(distinct)
    known = [one for one in terminals(distinct) if one.message.key in subjects]
    total = Counter(subjects[one.message.key].get(field) for one in known)
    failed = Counter(subjects[one.message.key].get(field) for one in known if one.message.kind == "failed")
    return {group: failed[group] / total[group] for group in total if group is not None}


def test_same_arguments_give_the_same_messages_whatever_the_global_random_state() -> None:
    """Two runs agree byte for byte and leave the global source of randomness alone."""
    random.seed(1)
    first, state = messages(), random.getstate()
    random.seed(2)
    assert messages() == first
    random.seed(1)
    assert random.getstate() == state


def test_another_seed_gives_other_messages() -> None:
    """No workflow of one seed is found under another."""
    assert {one.key for one in messages(seed=1)}.isdisjoint(one.key for one in messages(seed=2))


@pytest.mark.parametrize("workflows", [0, 1, 7, 1000])
@pytest.mark.parametrize("days", [1, 3, 40])
def test_there_are_exactly_as_many_workflows_as_asked_for(workflows: int, days: int) -> None:
    """The rhythm shares the workflows out without losing or adding one."""
    assert len({message.key for message in messages(workflows, days=days)}) == workflows


def test_the_start_may_be_in_any_time_zone() -> None:
    """The same instant gives the same messages, in UTC."""
    elsewhere = START.astimezone(datetime.strptime("+0530", "%z").tzinfo)
    assert messages(start=elsewhere) == messages()


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"workflows": -1}, "workflows is -1"),
        ({"days": 0}, "days is 0"),
        ({"start": datetime(2025, 9, 29)}, "without a time zone"),  # noqa: DTZ001 - that is what is wrong
    ],
)
def test_wrong_arguments_are_refused_at_once(wrong: dict[str, Any], complaint: str) -> None:
    """The call itself complains, not the first step of the iteration."""
    arguments: dict[str, Any] = {"workflows": 1, "seed": 1, "start": START, "days": 1}
    with pytest.raises(BadInput, match=complaint):
        synthetic_messages(**{**arguments, **wrong})


def test_messages_come_in_the_order_in_which_they_were_sent(stream: list[SyntheticMessage]) -> None:
    """Time never goes back from one message to the next."""
    assert all(earlier.timestamp <= later.timestamp for earlier, later in pairwise(stream))


def test_lateness_is_bounded(told: list[Told]) -> None:
    """Nothing is sent before it happens, nor more than the stated time after it."""
    lateness = [one.message.timestamp - one.time for one in told]
    assert min(lateness) > timedelta(0)
    assert timedelta(days=2) < max(lateness) <= MAX_LATENESS + timedelta(milliseconds=1)


def test_everything_is_sent_within_four_days_of_the_last_start(stream: list[SyntheticMessage]) -> None:
    """A workflow does not last for ever, and neither does its delivery."""
    assert stream[0].timestamp >= START
    assert stream[-1].timestamp < START + timedelta(days=DAYS + 4)


def test_some_events_are_late_and_some_are_overtaken(told: list[Told]) -> None:
    """One or two in a hundred come hours late, and some workflows' events come out of order."""
    late = sum(one.message.timestamp - one.time > timedelta(hours=1) for one in told)
    assert 0.01 < late / len(told) < 0.02
    newest: dict[bytes, datetime] = {}
    overtaken = 0
    for one in told:
        overtaken += one.time < newest.get(one.message.key, START)
        newest[one.message.key] = max(one.time, newest.get(one.message.key, START))
    assert 0.01 < overtaken / len(told) < 0.06


def test_some_events_are_sent_twice(told: list[Told], distinct: list[Told]) -> None:
    """About one event in a hundred has a copy, equal to the byte."""
    assert 0.008 < len(told) / len(distinct) - 1 < 0.012


def test_different_events_have_different_identities(distinct: list[Told]) -> None:
    """Neither the producers' event_id nor what stands in for it is shared by two events."""
    given = [one.says["event_id"] for one in distinct if "event_id" in one.says]
    assert len(set(given)) == len(given)
    fields = ("workflow_id", "retry_count", "stage_number", "timestamp")
    derived = [(one.message.kind, *map(one.says.get, fields)) for one in distinct if "event_id" not in one.says]
    assert len(set(derived)) == len(derived)


def test_kind_and_key_agree_with_the_payload(told: list[Told]) -> None:
    """The topic that the kind picks never contradicts the event_type, nor the key the workflow_id."""
    assert all(one.says["workflow_id"].encode() == one.message.key for one in told)
    typed = [one for one in told if "event_type" in one.says]
    assert all(one.says["event_type"] == f"NODE_GENERATION_{one.message.kind.upper()}" for one in typed)
    assert 0.4 < len(typed) / len(told) < 0.6


def test_both_dialects_are_spoken_and_never_mixed_in_a_workflow(told: list[Told]) -> None:
    """About half of the workflows use the producers' words, the others only the guide's."""
    words = {
        "event_id",
        "correlation_id",
        "primary_model",
        "error_code",
        "duration_seconds",
        "partial_duration_seconds",
    }
    producers = {one.message.key for one in told if "correlation_id" in one.says}
    assert 0.45 < len(producers) / WORKFLOWS < 0.55
    for one in told:
        assert one.message.key in producers or words.isdisjoint(one.says)
        assert one.message.key not in producers or "duration_ms" not in one.says
    spoken = {word for one in told for word in one.says}
    assert words | {"duration_ms"} <= spoken


def test_most_events_of_the_producers_have_an_event_id(told: list[Told]) -> None:
    """Nineteen of twenty do, so that the derived identity is needed here too."""
    theirs = [one for one in told if "correlation_id" in one.says]
    assert 0.94 < fmean("event_id" in one.says for one in theirs) < 0.96


def test_stages_are_numbered_from_one_to_eight(told: list[Told]) -> None:
    """The longest generation has eight stages."""
    assert {one.says["stage_number"] for one in of_kind(told, "stage_completed")} == set(range(1, 9))


def test_some_failures_do_not_say_what_failed(distinct: list[Told]) -> None:
    """A part of the producers' FAILED events lack both node type and domain, no COMPLETED does."""
    failed = of_kind(distinct, "failed")
    assert 0.15 < fmean("node_type" not in one.says for one in failed) < 0.35
    assert all("node_type" in one.says and "domain" in one.says for one in of_kind(distinct, "completed"))


def test_outcomes_are_in_proportion(distinct: list[Told]) -> None:
    """About 8 % of the attempts fail, 2 % are abandoned, and most failures are tried again."""
    failed, completed = len(of_kind(distinct, "failed")), len(of_kind(distinct, "completed"))
    assert 0.07 < failed / (failed + completed) < 0.095
    attempts = {(one.message.key, one.says.get("retry_count", 0)) for one in distinct}
    finished = {(one.message.key, one.says.get("retry_count", 0)) for one in terminals(distinct)}
    assert 0.015 < 1 - len(finished) / len(attempts) < 0.03
    assert 0.6 < sum(retries > 0 for _, retries in attempts) / failed < 0.8


def test_a_retry_follows_a_failure_and_starts_anew(distinct: list[Told]) -> None:
    """Attempts are numbered without a gap, and their STARTED says so; some fail again, some succeed."""
    attempts = {(one.message.key, one.says.get("retry_count", 0)) for one in of_kind(distinct, "started")}
    assert all(retries == 0 or (key, retries - 1) in attempts for key, retries in attempts)
    assert {retries for _, retries in attempts} == {0, 1, 2, 3}
    outcomes = Counter(one.message.kind for one in terminals(distinct) if one.says.get("retry_count", 0))
    assert min(outcomes["failed"], outcomes["completed"]) > 50


def test_a_few_attempts_end_twice(distinct: list[Told]) -> None:
    """Conflicting terminal events are there, and are rare."""
    ends = Counter((one.message.key, one.says.get("retry_count", 0)) for one in terminals(distinct))
    assert 0.001 < sum(count > 1 for count in ends.values()) / len(ends) < 0.006
    kinds = {(one.message.key, one.says.get("retry_count", 0), one.message.kind) for one in terminals(distinct)}
    assert len(kinds) > len(ends)


def test_some_values_are_unknown(distinct: list[Told]) -> None:
    """Now and then quality, tokens or cost are absent, more often from the totals than from the stages."""
    completed, stages = of_kind(distinct, "completed"), of_kind(distinct, "stage_completed")
    assert 0.03 < fmean("quality_score" not in one.says for one in completed) < 0.05
    assert 0.02 < fmean("tokens_consumed" not in one.says for one in stages) < 0.04
    assert 0.06 < fmean("cost_usd" not in one.says for one in stages) < 0.10
    assert 0.05 < fmean("total_tokens" not in one.says for one in completed) < 0.09
    assert all(value is not None for one in distinct for value in one.says.values())


def test_a_few_events_carry_unknown_fields(distinct: list[Told]) -> None:
    """Fields that no dialect knows are there, and are rare."""
    strange = {"reviewer", "build_number", "labels", "dry_run"}
    assert 0.003 < fmean(not strange.isdisjoint(one.says) for one in distinct) < 0.007
    assert strange <= {word for one in distinct for word in one.says}


def test_every_kind_of_malformation_is_present_and_rare(stream: list[SyntheticMessage]) -> None:
    """About one message in a thousand is broken, in each of nine ways."""
    faults = Counter(fault for message in stream if (fault := fault_of(message.value)))
    assert set(faults) == {
        "broken JSON",
        "not an object",
        "wrong type",
        "unknown kind",
        "not a number",
        "negative duration",
        "far future",
        "missing workflow_id",
        "invalid UTF-8",
    }
    assert min(faults.values()) >= 5
    assert 0.0005 < faults.total() / len(stream) < 0.0015


def seconds_of_stage(says: dict[str, Any]) -> float:
    return float(says["duration_seconds"] if "duration_seconds" in says else says["duration_ms"] / 1000)


def test_stages_add_up_to_about_the_total(distinct: list[Told]) -> None:
    """Of a generation whose stages are all known they make 95 to 100 % of its duration, and all of its tokens."""
    seconds: defaultdict[tuple[bytes, int], float] = defaultdict(float)
    tokens: Counter[tuple[bytes, int]] = Counter()
    seen: Counter[tuple[bytes, int]] = Counter()
    for one in of_kind(distinct, "stage_completed"):
        attempt = one.message.key, one.says.get("retry_count", 0)
        seen[attempt] += 1
        seconds[attempt] += seconds_of_stage(one.says)
        tokens[attempt] += one.says.get("tokens_consumed", 0)
    whole = {"effect": 6, "compute": 5, "reducer": 6, "orchestrator": 8}
    ends = Counter((one.message.key, one.says.get("retry_count", 0)) for one in terminals(distinct))
    checked = 0
    for one in of_kind(distinct, "completed"):
        attempt = one.message.key, one.says.get("retry_count", 0)
        if ends[attempt] == 1 and seen[attempt] == whole[one.says["node_type"]]:
            checked += 1
            assert 0.95 < seconds[attempt] / one.says["total_duration_seconds"] <= 1.0
            assert one.says.get("total_tokens", tokens[attempt]) == tokens[attempt]
    assert checked > 0.9 * WORKFLOWS * 0.9


def test_cost_follows_tokens_and_model(distinct: list[Told]) -> None:
    """Each model has its price, the same for every generation."""
    prices: dict[str, list[float]] = {}
    for one in of_kind(distinct, "completed"):
        if "primary_model" in one.says and "total_cost_usd" in one.says:
            price = one.says["total_cost_usd"] / one.says["total_tokens"]
            prices.setdefault(one.says["primary_model"], []).append(price)
    assert len(prices) == 4
    assert all(max(seen) < 1.02 * min(seen) for seen in prices.values())
    assert max(map(max, prices.values())) > 10 * min(map(min, prices.values()))


def test_node_types_and_domains_differ(distinct: list[Told]) -> None:
    """Four node types and six domains, some slower and some failing more than others."""
    by_type, by_domain = failure_rates(distinct, "node_type"), failure_rates(distinct, "domain")
    assert set(by_type) == {"effect", "compute", "reducer", "orchestrator"}
    assert len(by_domain) == 6
    assert by_type["orchestrator"] > 1.4 * by_type["effect"]
    assert by_domain["ml"] > 1.4 * by_domain["api"]
    assert mean_seconds(distinct, "orchestrator") > 2 * mean_seconds(distinct, "effect")


def mean_seconds(distinct: list[Told], node_type: str) -> float:
    completed = of_kind(distinct, "completed")
    return fmean(one.says["total_duration_seconds"] for one in completed if one.says["node_type"] == node_type)


def test_quality_goes_with_success(distinct: list[Told]) -> None:
    """What only succeeded after a failure is worse than what succeeded at once; all three buckets are filled."""
    scored = [one.says for one in of_kind(distinct, "completed") if "quality_score" in one.says]
    at_once = fmean(says["quality_score"] for says in scored if not says.get("retry_count", 0))
    retried = fmean(says["quality_score"] for says in scored if says.get("retry_count", 0))
    assert retried < at_once - 0.03
    assert all(0 <= says["quality_score"] <= 1 for says in scored)
    buckets = Counter((says["quality_score"] >= 0.6) + (says["quality_score"] >= 0.8) for says in scored)
    assert min(buckets[0], buckets[1], buckets[2]) > 100


def test_work_has_a_daily_and_a_weekly_rhythm(distinct: list[Told]) -> None:
    """Mornings are far busier than nights, and working days than weekends."""
    started = [one.time for one in of_kind(distinct, "started")]
    hours, days = Counter(time.hour for time in started), Counter(time.weekday() for time in started)
    assert hours[10] > 10 * hours[3]
    assert days[2] > 4 * days[6] > 0


def test_one_day_is_bad_and_durations_drift(distinct: list[Told]) -> None:
    """One working day fails far more than the others, and the last week is slower than the first."""
    rates = {day: rate for day, (rate, count) in failures_by_day(distinct).items() if count > 300}
    worst = max(rates, key=lambda day: rates[day])
    others = [rate for day, rate in rates.items() if day != worst]
    assert worst == date(2025, 10, 20)
    assert rates[worst] > 2 * max(others)
    assert mean_seconds(within_week(distinct, 4), "effect") > 1.12 * mean_seconds(within_week(distinct, 0), "effect")


def within_week(distinct: list[Told], week: int) -> list[Told]:
    return [one for one in distinct if (one.time - START).days // 7 == week]


def failures_by_day(distinct: list[Told]) -> dict[date, tuple[float, int]]:
    total = Counter(one.time.date() for one in terminals(distinct))
    failed = Counter(one.time.date() for one in of_kind(distinct, "failed"))
    return {day: (failed[day] / total[day], total[day]) for day in total}


def peak_memory(count: int, *, workflows: int, days: int) -> int:
    """Bytes allocated at most while the first `count` messages go by and none is kept."""
    tracemalloc.start()
    try:
        taken = sum(1 for _ in islice(synthetic_messages(workflows=workflows, seed=1, start=START, days=days), count))
        assert taken == count
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_length_of_the_stream() -> None:
    """More than four times as many messages at the same rate need about the same room, a small part of their weight.

    A week is past the longest delay. Beyond it the peak varies with chance and the growing rate, but less than twofold.
    """
    week = peak_memory(11_000, workflows=7_000, days=35)
    month = peak_memory(48_000, workflows=7_000, days=35)
    assert month < 2 * week
    assert month < 500_000  # 48,000 messages weigh 14 MB


def test_a_huge_stream_begins_at_once() -> None:
    """The first messages of ten million workflows come without drawing the rest."""
    assert peak_memory(2_000, workflows=10_000_000, days=35) < 20_000_000
