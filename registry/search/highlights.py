"""Where the words of a query stand in a node's texts."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from registry.search.document import Field, NodeDocument, texts
from registry.search.plan import Word
from registry.search.words import JOIN, folded

_RUN = re.compile(r"[^\W_]+(?:[-_.]+[^\W_]+)*")
_WORD = re.compile(r"[^\W_]+")


class Highlight(NamedTuple):
    """A text of a node, and what in it was found: from one character up to but without another, in order."""

    field: Field
    text: str
    spans: Sequence[tuple[int, int]]


def highlights(document: NodeDocument, words: Iterable[Word]) -> list[Highlight]:
    """Return the texts that hold a term of the plan, each once.

    >>> from registry.search.plan import How, Terms
    >>> node = NodeDocument("n-1", "MyKafkaConsumer", "effect", "1.0.0")
    >>> highlights(node, [Word("kafka", (Terms(How.EXACT, ("kafka",), 1.0),))])
    [Highlight(field=<Field.NAME: 'name'>, text='MyKafkaConsumer', spans=[(2, 7)])]
    """
    terms = {term for word in words for group in word.groups for term in group.terms}
    found = (Highlight(field, text, list(_spans(text, terms))) for field, text in dict.fromkeys(texts(document)))
    return [highlight for highlight in found if highlight.spans]


def _spans(text: str, terms: set[str]) -> Iterator[tuple[int, int]]:
    """Yield the spans of words that are, or are joined to, one of the terms."""
    small, places = _folded_with_places(text)
    for run in _RUN.finditer(small):
        words = [(word[0], word.start() + run.start(), word.end() + run.start()) for word in _WORD.finditer(run[0])]
        joined = {place for pair in pairwise(range(len(words))) for place in pair if _join(words, pair) in terms}
        if _join(words, range(len(words))) in terms:
            joined.update(range(len(words)))
        for place, (word, start, end) in enumerate(words):
            if word in terms or place in joined:
                yield places[start], places[end - 1] + 1


def _join(words: Sequence[tuple[str, int, int]], places: Iterable[int]) -> str:
    return JOIN + "".join(words[place][0] for place in places)


def _folded_with_places(text: str) -> tuple[str, list[int]]:
    """Return the text folded, and for each of its characters which one of the given text it comes from."""
    parts = [(folded(character), place) for place, character in enumerate(text)]
    turned = folded(text)
    if sum(len(part) for part, _ in parts) + turned.count("_") - text.count("_") != len(turned):
        return turned, [min(place, len(text) - 1) for place in range(len(turned))]
    small = "".join(part for part, _ in parts)
    origin = [place for part, place in parts for _ in part]
    places, at = [], 0
    for character in turned:
        # What folding adds is an underscore where the case turns.
        if at < len(small) and character == small[at]:
            places.append(origin[at])
            at += 1
        else:
            places.append(origin[min(at, len(origin) - 1)])
    return turned, places


__all__ = ["Highlight", "highlights"]
