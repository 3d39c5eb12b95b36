"""The differential test itself: so many messages of a seed, and what became of them."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ingest.decode_one import decode_one
from tests.fuzz.agreement import agreed, differences
from tests.fuzz.batches import PROFILES, Profile, batches
from tests.fuzz.messages import Sent
from tests.fuzz.shrink import smallest


class Disagreement(AssertionError):
    """The decoder and the reference do not make the same of a message. Names the seed and the smallest such batch."""


@dataclass(slots=True)
class Tally:
    """How many messages went through, of which profile, and how many of them the columnar path read."""

    messages: Counter[str] = field(default_factory=Counter)
    one_by_one: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def columnar_share(self, profile: Profile) -> float:
        """The share of a profile's messages that was not read one by one."""
        return 1 - self.one_by_one[profile.name] / max(self.messages[profile.name], 1)

    def lines(self) -> Iterator[str]:
        """Say it in words."""
        for profile in PROFILES:
            count, share = self.messages[profile.name], self.columnar_share(profile)
            yield f"{profile.name:>14}: {count:>9,} messages, {share:7.2%} of them read by the columnar path"
        refused = ", ".join(f"{count:,} {reason}" for reason, count in self.refused.most_common())
        yield f"{'refused':>14}: {self.refused.total():>9,} ({refused})"

    def __iadd__(self, other: "Tally") -> "Tally":
        self.messages += other.messages
        self.one_by_one += other.one_by_one
        self.refused += other.refused
        return self


def fuzz(seed: int, messages: int) -> Tally:
    """Compare on so many messages. Raises `Disagreement` at the first batch that is not read alike."""
    tally = Tally()
    with reads_one_by_one() as count:
        for profile, sent in batches(seed, messages):
            before = count.total()
            made = agreed(sent)
            if made is None:
                raise Disagreement(f"seed {seed}, a batch of the profile {profile.name!r}: {report(sent)}")
            tally.messages[profile.name] += len(sent)
            tally.one_by_one[profile.name] += count.total() - before
            tally.refused.update(made.dead_letters["reason"].to_list())
    return tally


def check_shares(tally: Tally) -> None:
    """Fail where the columnar path read too few: the two would only have been compared with themselves."""
    for profile in PROFILES:
        share = tally.columnar_share(profile)
        assert share >= profile.least_columnar, f"{profile.name}: only {share:.1%} were read by the columnar path"


def report(sent: Sequence[Sent]) -> str:
    """Show the smallest batch on which they disagree, as it can be pasted into a test, and how they differ."""
    left = smallest(sent, lambda some: agreed(some) is None)
    return "\n".join([f"{len(left)} of its messages are read differently:", *map(str, left), differences(left)])


@contextmanager
def reads_one_by_one() -> Iterator[Counter[str]]:
    """Count the messages that the decoder hands to the reference, wherever in `ingest` it is called from."""
    count: Counter[str] = Counter()

    def counting(*arguments: Any, **named: Any) -> Any:
        count["read"] += 1
        return decode_one(*arguments, **named)

    users = [
        (module, name)
        for module_name, module in list(sys.modules.items())
        if module_name.startswith("ingest.")
        for name, value in list(vars(module).items())
        if value is decode_one
    ]
    for module, name in users:
        setattr(module, name, counting)
    try:
        yield count
    finally:
        for module, name in users:
            setattr(module, name, decode_one)
