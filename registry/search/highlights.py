"""Where the words of a query stand in a node's texts."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
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
    found = [(field, text, _spans(text, terms)) for field, text in dict.fromkeys(texts(document))]
    return [Highlight(*highlight) for highlight in found if highlight[2]]


def _spans(text: str, terms: set[str]) -> list[tuple[int, int]]:
    return [(start, end) for start, end, own in _places(text) if not own.isdisjoint(terms)]


@lru_cache(maxsize=50_000)
def _places(text: str) -> list[tuple[int, int, frozenset[str]]]:
    """Return where each word stands, and the terms that it is or is joined in."""
    small, origins = _folded_with_places(text)
    found = []
    for run in _RUN.finditer(small):
        words = list(_WORD.finditer(small, run.start(), run.end()))
        parts = [word[0] for word in words]
        whole = JOIN + "".join(parts)
        for place, word in enumerate(words):
            pairs = (JOIN + "".join(parts[start : start + 2]) for start in range(max(place - 1, 0), place + 1))
            own = frozenset((word[0], whole, *pairs)) - {JOIN + word[0]}
            found.append((origins[word.start()], origins[word.end() - 1] + 1, own))
    return found


def _folded_with_places(text: str) -> tuple[str, Sequence[int]]:
    """Return the text folded, and for each of its characters which one of the given text it comes from."""
    turned = folded(text)
    parts = list(text.lower()) if text.isascii() else [folded(character) for character in text]
    origins = [place for place, part in enumerate(parts) for _ in part]
    small = "".join(parts)
    if len(turned) == len(small):
        return turned, origins
    places, at = [], 0
    for character in turned:
        # What folding adds is an underscore where the case turns.
        places.append(origins[min(at, len(origins) - 1)])
        at += at < len(small) and character == small[at]
    return turned, places


__all__ = ["Highlight", "highlights"]
