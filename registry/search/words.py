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

_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_IDENTIFIER = re.compile(rf"\b{_UUID}\b|[^\W_]+(?:[-_.]+[^\W_]+)*")
_WORD = re.compile(
    r"[A-Z][A-Z0-9]*(?=[A-Z][a-z])"  # HTTP of HTTPServer
    r"|[A-Z]?[a-z0-9]+"
    r"|[A-Z0-9]+"
    r"|[^\W_A-Za-z0-9]+"  # other scripts
)


def words(text: str) -> list[str]:
    """Return the words of a text in their order, repeated as they are."""
    return [word for identifier in identifiers(text) for word in identifier]


def joins(text: str) -> list[str]:
    """Return the joins of a text's identifiers."""
    return [join for identifier in identifiers(text) for join in joins_of(identifier)]


def identifiers(text: str) -> Iterator[list[str]]:
    """Yield the words of each identifier: what stands together without a space. A UUID is one word."""
    for found in _IDENTIFIER.findall(text if text.isascii() else _unaccented(text)):
        if len(found) == 36 and found[8] == "-" and re.fullmatch(_UUID, found):
            yield [found.replace("-", "").lower()]
        else:
            yield [word.casefold()[:LONGEST] for word in _WORD.findall(found)]


def joins_of(identifier: list[str]) -> Iterator[str]:
    """Yield the joins of an identifier's words; of one word there is none."""
    if 2 <= len(identifier) <= _MOST_JOINED:
        yield from (joined(*pair) for pair in pairwise(identifier))
        if len(identifier) > 2:
            yield joined(*identifier)


def joined(*parts: str) -> str:
    """Write words as one, marked.

    >>> joined("http", "api")
    '+httpapi'
    """
    return JOIN + "".join(parts)[:LONGEST]


def _unaccented(text: str) -> str:
    # Compatibility forms too, so that full-width letters and ligatures are found by what people type.
    decomposed = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


__all__ = ["JOIN", "LONGEST", "identifiers", "joined", "joins", "joins_of", "words"]
