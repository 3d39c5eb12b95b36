"""Batches as ingest meets them: clean ones, clean ones with a few bad messages, and ones that are bad all over."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from tests.fuzz.messages import Sent, blank, clean, damaged, of_two_lines, spoiled, wild

Make = Callable[[Random], Sent]


@dataclass(frozen=True, slots=True)
class Profile:
    """A kind of batch: how large at most, how much of all messages comes in such batches, and what is in them."""

    name: str
    most: int
    weight: float
    makes: tuple[tuple[float, Make], ...]  # the share of each; what is left of 1 is clean
    #: At least this share of the messages must be read by the columnar path, else the comparison shows little.
    least_columnar: float = 0.0


#: A message that is no JSON may send its neighbours to the slow path, but only a small piece of the batch.
PROFILES = (
    Profile("clean", 20_000, 0.25, (), least_columnar=0.95),
    Profile("a few spoiled", 20_000, 0.2, ((0.01, spoiled),), least_columnar=0.95),
    Profile("a few damaged", 20_000, 0.15, ((0.0003, damaged), (0.0003, wild)), least_columnar=0.9),
    Profile("spoiled", 5_000, 0.31, ((0.7, spoiled),), least_columnar=0.2),
    Profile("damaged", 300, 0.05, ((0.5, damaged), (0.1, wild))),
    # A value of two lines and one of none make as many lines as values, with everything between them moved by one.
    Profile("other lines", 20, 0.02, ((0.1, of_two_lines), (0.1, blank))),
    # So few at a time that what one of them does to a reader is not hidden by what another does.
    Profile("a handful", 6, 0.02, ((0.3, wild), (0.2, damaged), (0.2, spoiled))),
)


def batches(seed: int, messages: int) -> Iterator[tuple[Profile, list[Sent]]]:
    """Yield batches until there are so many messages; the same arguments give the same bytes."""
    rng = Random(seed)
    done = dict.fromkeys(PROFILES, 0)
    while (left := messages - sum(done.values())) > 0:
        profile = min(PROFILES, key=lambda one: done[one] / one.weight)
        batch = _batch(rng, profile, left)
        done[profile] += len(batch)
        yield profile, batch


def _batch(rng: Random, profile: Profile, left: int) -> list[Sent]:
    # A batch of one costs as much time as a hundred messages, so the exponent keeps most batches from being that small.
    size = profile.most ** (0.3 + 0.7 * rng.random()) if rng.random() < 0.9 else 1 + 19 * rng.random()
    return [_message(rng, profile) for _ in range(min(int(size), profile.most, left))]


def _message(rng: Random, profile: Profile) -> Sent:
    number = rng.random()
    for share, make in profile.makes:
        if number < share:
            return make(rng)
        number -= share
    return clean(rng)
