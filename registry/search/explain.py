"""How a score came about: word by word, the best term of each, and what each field gave it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from registry.search.document import Field, NodeDocument
from registry.search.plan import FACTORS, How, Terms, Word
from registry.search.weights import saturated, shares


@dataclass(frozen=True, slots=True)
class WordScore:
    """What a word gave: `weight` * `factor` * `inverse_frequency`.

    `shares` are what the fields gave to the term; their sum `f` makes the weight, `f / (1.2 + f)`. `most` is what no
    node's score for the word exceeds.
    """

    word: str
    term: str
    how: How
    shares: Mapping[Field, float]
    weight: float
    factor: float
    inverse_frequency: float
    score: float
    most: float


def explain(document: NodeDocument, words: Sequence[Word]) -> list[WordScore]:
    """Return what each word gave. The node's score is the sum of `score` over that of `most`.

    The score of a node that was asked for by its id is 1 all the same.
    """
    return [_best(document, word) for word in words]


def _best(document: NodeDocument, word: Word) -> WordScore:
    scored = [_scored(document, word, group, term) for group in word.groups for term in _own(document, group)]
    return max(scored, key=lambda score: score.score)


def _own(document: NodeDocument, group: Terms) -> list[str]:
    return [term for term in group.terms if shares(document, term)]


def _scored(document: NodeDocument, word: Word, group: Terms, term: str) -> WordScore:
    given = shares(document, term)
    weight = saturated(sum(given.values()))
    score = weight * group.factor
    return WordScore(
        word.word, term, group.how, given, weight, FACTORS[group.how], group.inverse_frequency, score, word.most
    )


__all__ = ["WordScore", "explain"]
