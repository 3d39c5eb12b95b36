"""How texts are split, on both ways into the index."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.search.database import Database
from registry.search.document import NodeDocument
from registry.search.pages import as_table
from registry.search.weights import weights
from registry.search.words import joins, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MyEffectNode", ["my", "effect", "node"]),
        ("HTTPServer", ["http", "server"]),
        ("http_api-v2.beta", ["http", "api", "v2", "beta"]),
        ("OAuth2Provider", ["o", "auth2", "provider"]),
        ("Überprüfung", ["uberprufung"]),
        ("сервис платежей", ["сервис", "платежеи"]),
        ("0190a1b2-0000-7000-8000-0123456789ab", ["0190a1b2000070008000" + "0123456789ab"]),
        ("  --  ", []),
    ],
)
def test_words_are_split_at_case_and_punctuation(text: str, expected: list[str]) -> None:
    """Small letters, no accents; a UUID stays one word."""
    assert words(text) == expected


def test_identifiers_are_joined_too() -> None:
    """So what is written as one is found in pieces, and the other way round; mere numbers are left out."""
    assert joins("OAuth2Provider") == ["+oauth2", "+auth2provider", "+oauth2provider"]
    assert joins("kafka-consumer-0000123") == ["+kafkaconsumer"]
    assert joins("two words") == []


_TEXT = st.text(st.sampled_from("abzABZ019_-. éßЖ界\t"), min_size=1, max_size=24)
_METADATA = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.floats(0.001, 999) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)


@given(
    name=_TEXT,
    capabilities=st.dictionaries(_TEXT, _TEXT | st.just(""), max_size=3),
    metadata=st.dictionaries(_TEXT, _METADATA, max_size=3),
)
@settings(max_examples=15, deadline=None)
def test_a_fill_makes_the_terms_that_a_single_change_does(
    name: str, capabilities: dict[str, str], metadata: dict[str, object]
) -> None:
    """DuckDB's SQL and Python agree on every term and weight."""
    given_ = [{"name": name, "description": description} for name, description in capabilities.items()]
    document = NodeDocument("node-1", name, "effect", "1.0.0", capabilities=given_, metadata=metadata)
    database = Database()
    postings = database.fill(as_table([document])).postings
    filled = {term: float(postings.get(term).weights[0]) for term in postings.beginning_with("") if term[0] != "="}
    database.close()
    assert filled == pytest.approx(weights(document), abs=1e-5)
