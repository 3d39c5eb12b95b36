r"""Words of a text: split at punctuation and at changes of case, lower case, without accents.

An identifier of several words also gives its *joins*: each two neighbours written as one, and the whole. They are
marked with `+`, which no word holds, so that `graphql` finds `GraphQLGateway` and `kafka consumer` finds
`kafka_consumer` before a node that has the two words far apart.

>>> words("MyEffectNode handles http_api, v2")
['my', 'effect', 'node', 'handles', 'http', 'api', 'v2']
>>> joins("MyEffectNode handles http_api")
['+myeffect', '+effectnode', '+myeffectnode', '+httpapi']
>>> words("HTTPServer S3Uploader Größe")
['http', 'server', 's3', 'uploader', 'grosse']
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

JOIN = "+"
#: A longer word is cut: nobody types it.
LONGEST = 64
#: Of a longer identifier (a path, a sentence with dots) only the words count.
_MOST_JOINED = 6

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_IDENTIFIER = re.compile(rf"\b{_UUID}\b|[^\W_]+(?:[-_.]+[^\W_]+)*")
_NUMBER = re.compile(r"[0-9]+")
_BETWEEN = re.compile(r"[-_.]+")
#: Where a small letter or digit meets a capital, and where capitals meet a capitalised word: HTTP|Server.
_TURNS = (re.compile(r"([a-z0-9])([A-Z])"), re.compile(r"([A-Z0-9])([A-Z][a-z])"))


def words(text: str) -> list[str]:
    """Return the words of a text in their order, repeated as they are."""
    return [word for identifier in identifiers(text) for word in identifier]


def joins(text: str) -> list[str]:
    """Return the joins of a text's identifiers."""
    return [join for identifier in identifiers(text) for join in joins_of(identifier)]


def identifiers(text: str) -> Iterator[list[str]]:
    """Yield the words of each identifier: what stands together without a space. A UUID is one word."""
    for found in _IDENTIFIER.findall(folded(text)):
        if len(found) == 36 and re.fullmatch(_UUID, found):
            yield [found.replace("-", "")]
        else:
            yield [word[:LONGEST] for word in _BETWEEN.split(found)]


def joins_of(identifier: list[str]) -> Iterator[str]:
    """Yield the joins of an identifier's words; of one word there is none, and none with a mere number."""
    named = [word for word in identifier if not _NUMBER.fullmatch(word)]
    if 2 <= len(named) <= _MOST_JOINED:
        yield from (joined(*pair) for pair in pairwise(named))
        if len(named) > 2:
            yield joined(*named)


def joined(*parts: str) -> str:
    """Write words as one, marked.

    >>> joined("http", "api")
    '+httpapi'
    """
    return JOIN + "".join(parts)[:LONGEST]


def folded(text: str) -> str:
    """Return a text in small letters without accents, with an underscore where its case turns."""
    text = text if text.isascii() else _unaccented(text)
    for turn in _TURNS:
        text = turn.sub(r"\1_\2", text)
    return text.lower()


def _unaccented(text: str) -> str:
    # Compatibility forms too, so that full-width letters and ligatures are found by what people type.
    decomposed = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


__all__ = ["JOIN", "LONGEST", "folded", "identifiers", "joined", "joins", "joins_of", "words"]
