"""Words that are one typo away: a letter left out, added, replaced, or swapped with its neighbour."""

from collections.abc import Iterable, Iterator

#: In a shorter word a typo makes another word too easily.
SHORTEST = 4


def one_typo_away(word: str, characters: Iterable[str]) -> Iterator[str]:
    """Yield what a typo may have made of what was meant, some of it twice; nothing for a short word or a number.

    >>> "kafka" in set(one_typo_away("kakfa", "afk"))
    True
    """
    if len(word) < SHORTEST or word.isdigit():
        return
    letters = list(characters)
    for at in range(len(word) + 1):
        head, tail = word[:at], word[at:]
        if tail:
            yield head + tail[1:]
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        for letter in letters:
            yield head + letter + tail
            if tail:
                yield head + letter + tail[1:]


__all__ = ["SHORTEST", "one_typo_away"]
