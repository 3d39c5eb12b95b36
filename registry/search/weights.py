"""BM25 with field weights (BM25F), up to the part that depends on the other nodes.

A term's frequency in each field is divided by the field's relative length and multiplied by the field's weight; their
sum `f` saturates as `f / (K1 + f)`. A query multiplies that with the term's inverse document frequency. Lengths are
compared with a typical node's, which are constants here, not with the average of the moment: a node's weight does not
change because others come and go, so a change of one node touches only that node.
"""

from collections.abc import Iterable
from math import log
from typing import NamedTuple

from registry.search.document import Field
from registry.search.words import identifiers, joins_of

K1 = 1.2


class FieldWeight(NamedTuple):
    """How much a word counts in a field; by how much less in one longer than `typical` words (`b`, from 0 to 1)."""

    weight: float
    typical: int
    b: float

    def share(self, frequency: int, length: int) -> float:
        """Return what a term gets that stands `frequency` times in a field of `length` words."""
        return self.weight * frequency / (1 - self.b + self.b * length / self.typical)


FIELDS = {
    Field.NAME: FieldWeight(4.0, 3, 0.5),
    Field.CAPABILITY: FieldWeight(2.5, 6, 0.4),
    Field.DESCRIPTION: FieldWeight(1.0, 10, 0.5),
    Field.METADATA: FieldWeight(0.6, 12, 0.5),
}

#: The terms of a field and how often each stands there, and the number of words.
FieldTerms = tuple[dict[str, int], int]


def field_terms(texts: Iterable[str]) -> FieldTerms:
    """Count the words and joins of a field's texts; joins do not make the field longer.

    >>> field_terms(["http_api", "api"])
    ({'http': 1, 'api': 2, '+httpapi': 1}, 3)
    """
    counts: dict[str, int] = {}
    length = 0
    for text in texts:
        for identifier in identifiers(text):
            length += len(identifier)
            for term in (*identifier, *joins_of(identifier)):
                counts[term] = counts.get(term, 0) + 1
    return counts, length


def shares(fields: Iterable[tuple[Field, FieldTerms]]) -> dict[str, dict[Field, float]]:
    """Return for each term what each field gives it."""
    found: dict[str, dict[Field, float]] = {}
    for field, (counts, length) in fields:
        for term, frequency in counts.items():
            found.setdefault(term, {})[field] = FIELDS[field].share(frequency, length)
    return found


def saturated(share: float) -> float:
    """Return the weight of a term, from 0 to 1."""
    return share / (K1 + share)


def inverse_frequency(nodes_with_term: int, nodes: int) -> float:
    """Return how much a term tells: the rarer, the more; above 0 even if all nodes have it."""
    return log(1 + (nodes - nodes_with_term + 0.5) / (nodes_with_term + 0.5))


__all__ = ["FIELDS", "K1", "FieldTerms", "FieldWeight", "field_terms", "inverse_frequency", "saturated", "shares"]
