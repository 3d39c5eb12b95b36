"""What a node may say about itself, and what is refused with the field named."""

from typing import Any

import pytest
from pydantic import ValidationError

from registry import EnumNodeType, ModelNodeIntrospection, ModelNodeQueryInput

GOOD = {"node_id": "n-1", "node_name": "MyNode", "node_type": "effect", "version": "1.0.0"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("node_id", ""),
        ("node_id", "x" * 256),
        ("node_id", "../v1/agent/leave"),
        ("node_id", "a\x00b"),
        ("node_id", 7),
        ("node_name", "two\nlines"),
        ("node_name", " blank"),
        ("node_type", 5),
        ("node_type", "'; DROP TABLE registered_nodes; --"),
        ("version", "1.0"),
        ("version", "01.0.0"),
        ("version", "latest"),
        ("capabilities", [{"name": "a"}, {"name": "a"}]),
        ("capabilities", "http_api"),
        ("endpoints", {"http": "no url"}),
        ("metadata", {"much": "x" * 10_000_000}),
        ("metadata", {"nul": "\x00"}),
        ("metadata", {"nan": float("nan")}),
    ],
)
def test_bad_input_is_refused_by_name(field: str, value: Any) -> None:
    """The error names the field, and only that one."""
    with pytest.raises(ValidationError) as caught:
        ModelNodeIntrospection.model_validate(GOOD | {field: value})
    assert {error["loc"][0] for error in caught.value.errors()} == {field}


def test_node_types_are_an_open_set() -> None:
    """A known type is its member, an unknown one is kept in small letters."""
    assert ModelNodeIntrospection.model_validate(GOOD).node_type is EnumNodeType.EFFECT
    assert ModelNodeIntrospection.model_validate(GOOD | {"node_type": " Gateway "}).node_type == "gateway"


def test_unknown_filters_are_refused() -> None:
    """A filter that does not exist would otherwise find everything."""
    with pytest.raises(ValidationError, match="colour"):
        ModelNodeQueryInput.model_validate({"query_filters": {"colour": "red"}})
