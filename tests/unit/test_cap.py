"""The cap on dead letters: too large a share of a topic's latest messages stops ingest."""

import pytest

from ingest.cap import DeadLetterCap, RefusedShares
from ingest.errors import TooManyDeadLetters
from ingest.kinds import EventKind
from tests.messages import batch, completed, decode

CAP = DeadLetterCap(max_share=0.5, window=100, least=20)


def check(shares: RefusedShares, good: int, bad: int, kind: EventKind = EventKind.COMPLETED) -> None:
    decoded = decode(batch([completed(event_type=None)] * good + [b"{"] * bad, kind=kind))
    shares.check(decoded.events, decoded.dead_letters)


def test_more_than_the_share_stops() -> None:
    """The error names topic, share, reason, an example's place and the setting, in one line."""
    with pytest.raises(TooManyDeadLetters) as stopped:
        check(RefusedShares(CAP), good=10, bad=11)
    told = str(stopped.value)
    assert "topic test.omninode-bridge.codegen.generation-completed.v1: 11 of the latest 21 messages" in told
    assert "invalid_json (partition 3 offset 10: " in told
    assert "OMNINODE_DEAD_LETTER_CAP" in told
    assert "\n" not in told


def test_just_the_share_and_few_messages_do_not_stop() -> None:
    """Half of the messages, or all of very few, are refused without more ado."""
    check(RefusedShares(CAP), good=10, bad=10)
    check(RefusedShares(CAP), good=0, bad=19)


def test_share_is_that_of_the_latest_messages() -> None:
    """Long good times do not hide a bad deploy, and old sins are forgotten."""
    shares = RefusedShares(CAP)
    for _ in range(100):
        check(shares, good=10, bad=0)
    for _ in range(5):
        check(shares, good=0, bad=10)
    with pytest.raises(TooManyDeadLetters):
        check(shares, good=0, bad=10)

    shares = RefusedShares(CAP)
    check(shares, good=10, bad=10)
    for _ in range(10):
        check(shares, good=10, bad=0)
    check(shares, good=1, bad=49)


def test_each_topic_has_a_share_of_its_own() -> None:
    """A topic that is all refused stops ingest, however many good messages the others bring."""
    shares = RefusedShares(CAP)
    check(shares, good=1_000, bad=0)
    with pytest.raises(TooManyDeadLetters, match=r"generation-failed\.v1: 20 of the latest 20"):
        check(shares, good=0, bad=20, kind=EventKind.FAILED)


def test_share_of_one_is_no_cap() -> None:
    """With a share of 1 everything may be refused."""
    check(RefusedShares(DeadLetterCap(max_share=1.0, least=1)), good=0, bad=50)
