"""What a query looks for: for each of its words the terms that stand for it, and how much they count.

A term that is the word counts fully, one that begins with it less, one that is a typo away still less. Typos are
thought of only where nothing is spelled or begins like the word, or where nothing was found at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from omninode.errors import BadInput
from registry.search.postings import Postings
from registry.search.typos import SHORTEST, one_typo_away
from registry.search.weights import inverse_frequency
from registry.search.words import JOIN, joined, words

MOST_CHARACTERS = 1_000
MOST_WORDS = 32


class How(StrEnum):
    """How a term stands for a word of the query."""

    EXACT = "exact"
    #: Two words of the query, or of the node, written as one.
    JOINED = "joined"
    PREFIX = "prefix"
    TYPO = "typo"


FACTORS = {How.EXACT: 1.0, How.JOINED: 1.0, How.PREFIX: 0.6, How.TYPO: 0.4}


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms that stand for a word in the same way, and what a node gets for the best of them, times its weight."""

    how: How
    terms: tuple[str, ...]
    inverse_frequency: float

    @property
    def factor(self) -> float:
        """What the weight of a term is multiplied with."""
        return FACTORS[self.how] * self.inverse_frequency


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the query; a node matches it with any of the terms."""

    word: str
    groups: tuple[Terms, ...]

    @property
    def most(self) -> float:
        """What no node's score for the word exceeds."""
        return max((group.factor for group in self.groups), default=0.0)


def query_words(query: str) -> list[str]:
    """Return the words of a query, each once. Raises `BadInput` if it is too long.

    >>> query_words("kafkaConsumer kafka")
    ['kafka', 'consumer']
    """
    if len(query) > MOST_CHARACTERS:
        raise BadInput(f"query: {len(query):,} characters are too many; at most {MOST_CHARACTERS:,} are looked for")
    found = list(dict.fromkeys(words(query)))
    if len(found) > MOST_WORDS:
        raise BadInput(f"query: {len(found)} words are too many; at most {MOST_WORDS} are looked for")
    return found


def plan(query: str, postings: Postings, nodes: int, *, forgive: bool = False) -> list[Word]:
    """Return the words with their terms. With `forgive`, typos are thought of for each longer word."""
    given = query_words(query)
    return [_word(given, at, postings, nodes, forgive=forgive) for at in range(len(given))]


def _word(given: list[str], at: int, postings: Postings, nodes: int, *, forgive: bool) -> Word:
    word = given[at]
    exact = [*_known(postings, [word]), *_known(postings, [JOIN + word])]
    pairs = [joined(*given[start : start + 2]) for start in (at - 1, at) if 0 <= start < len(given) - 1]
    prefix = [term for term in postings.beginning_with(word) if term != word] if len(word) > 1 else []
    groups = [
        *([_terms(How.EXACT, exact, postings, nodes)] if exact else []),
        *(_terms(How.JOINED, [pair], postings, nodes) for pair in _known(postings, pairs)),
        *([_terms(How.PREFIX, prefix, postings, nodes)] if prefix else []),
    ]
    if not groups:
        begun = postings.beginning_with(JOIN + word) if len(word) > 1 else []
        groups = [_terms(How.PREFIX, begun, postings, nodes)] if begun else []
    if forgive or not groups:
        typos = [term for term in _typos(word, postings) if term not in exact and term not in prefix]
        groups += [_terms(How.TYPO, typos, postings, nodes)] if typos else []
    return Word(word, tuple(groups))


def _terms(how: How, terms: list[str], postings: Postings, nodes: int) -> Terms:
    # A prefix is as one word that stands in all nodes of its terms; nodes that have two of them are counted twice.
    count = min(sum(postings.count(term) for term in terms), nodes)
    return Terms(how, tuple(terms), inverse_frequency(count, nodes))


def _typos(word: str, postings: Postings) -> list[str]:
    """Return the terms a typo away; if there are none, those that begin with what is a typo away."""
    meant = set(one_typo_away(word, postings.characters)) - {word}
    found = [*_known(postings, sorted(meant)), *_known(postings, sorted(JOIN + text for text in meant))]
    if found or len(word) <= SHORTEST:
        return found
    begun = sorted(text for text in meant if postings.begins_any(text))
    return list(dict.fromkeys(term for text in begun for term in postings.beginning_with(text)))


def _known(postings: Postings, terms: Iterable[str]) -> list[str]:
    return [term for term in terms if term in postings]


__all__ = ["FACTORS", "MOST_CHARACTERS", "MOST_WORDS", "How", "Terms", "Word", "plan", "query_words"]
