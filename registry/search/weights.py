"""BM25 with field weights (BM25F), up to the part that depends on the other nodes.

A term's frequency in each field is divided by the field's relative length and multiplied by the field's weight; their
sum `f` saturates as `f / (K1 + f)`. A query multiplies that with the term's inverse document frequency. Lengths are
compared with a typical node's, which are constants here, not with the average of the moment: a node's weight does not
change because others come and go, so a change of one node touches only that node.
"""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from math import log
from typing import NamedTuple

from registry.search.document import Field, NodeDocument, texts
from registry.search.words import identifiers, joins_of

K1 = 1.2


class FieldWeight(NamedTuple):
    """How much a word counts in a field; by how much less in one longer than `typical` words (`b`, from 0 to 1)."""

    weight: float
    typical: int
    b: float

    def share(self, length: int) -> float:
        """Return what one occurrence gives in a field of `length` words."""
        return self.weight / (1 - self.b + self.b * length / self.typical)


FIELDS = {
    Field.NAME: FieldWeight(4.0, 3, 0.5),
    Field.CAPABILITY: FieldWeight(2.5, 6, 0.4),
    Field.DESCRIPTION: FieldWeight(1.0, 10, 0.5),
    Field.METADATA: FieldWeight(0.6, 12, 0.5),
}


class FieldTerms(NamedTuple):
    """The words and joins of a field, each as often as it stands there, and the number of words."""

    terms: list[str]
    length: int


def weights(document: NodeDocument) -> dict[str, float]:
    """Return each term of a node with its weight, from 0 to 1."""
    total: dict[str, float] = {}
    for field, (terms, length) in _fields(texts(document)).items():
        share = FIELDS[field].share(length)
        for term in terms:
            total[term] = total.get(term, 0.0) + share
    return {term: share / (K1 + share) for term, share in total.items()}


def shares(document: NodeDocument, term: str) -> dict[Field, float]:
    """Return what each field gives to a term; only the fields that have it."""
    fields = _fields(texts(document)).items()
    counts = {field: Counter(found.terms)[term] for field, found in fields}
    return {field: counts[field] * FIELDS[field].share(found.length) for field, found in fields if counts[field]}


def saturated(share: float) -> float:
    """Return the weight of a term from the sum of its shares."""
    return share / (K1 + share)


def inverse_frequency(nodes_with_term: int, nodes: int) -> float:
    """Return how much a term tells: the rarer, the more; above 0 even if all nodes have it."""
    return log(1 + (max(nodes - nodes_with_term, 0) + 0.5) / (nodes_with_term + 0.5))


def _fields(given: Iterable[tuple[Field, str]]) -> dict[Field, FieldTerms]:
    found: dict[Field, FieldTerms] = {}
    for field, text in given:
        terms, length = text_terms(text)
        before = found.get(field)
        if before is None:
            found[field] = FieldTerms([*terms], length)
        else:
            before.terms.extend(terms)
            found[field] = FieldTerms(before.terms, before.length + length)
    return found


@lru_cache(maxsize=50_000)
def text_terms(text: str) -> FieldTerms:
    """Return the words and joins of one text. What stands in capabilities and metadata stands in many nodes."""
    terms: list[str] = []
    length = 0
    for identifier in identifiers(text):
        length += len(identifier)
        terms += identifier
        terms += joins_of(identifier)
    return FieldTerms(terms, length)


__all__ = [
    "FIELDS",
    "K1",
    "FieldTerms",
    "FieldWeight",
    "inverse_frequency",
    "saturated",
    "shares",
    "text_terms",
    "weights",
]
