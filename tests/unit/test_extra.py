"""Unknown fields are kept as JSON and read back in a type of one's choice, without any being converted."""

import json

import polars as pl
import pytest

from ingest.extra import extra_field
from ingest.kinds import EventKind
from omninode.errors import BadInput
from tests.messages import GUIDE, PRODUCERS, batch, decode, value

VALUES = ["text", "7", "", 7, 5.0, 1.5, True, False, None, [1], {"x": 1}, 2**63 - 1, 2**63, 10**400]


def read(data_type: pl.DataType) -> list[object]:
    """The values of the field `x` of events that have each of `VALUES` there, read as this type."""
    events = pl.DataFrame({"extra": [json.dumps({"x": told, "y": 1}) for told in VALUES]})
    return events.select(extra_field("x", data_type)).to_series().to_list()


@pytest.mark.parametrize(
    ("data_type", "fitting"),
    [
        (pl.String(), {0: "text", 1: "7", 2: ""}),
        (pl.Int64(), {3: 7, 4: 5, 11: 2**63 - 1}),
        (pl.Float64(), {3: 7.0, 4: 5.0, 5: 1.5, 11: 2.0**63, 12: 2.0**63}),
        (pl.Boolean(), {6: True, 7: False}),
    ],
)
def test_a_value_of_another_type_is_null(data_type: pl.DataType, fitting: dict[int, object]) -> None:
    """A text is no number and a number no text; true is neither; what no integer or float can hold is null."""
    assert read(data_type) == [fitting.get(place) for place in range(len(VALUES))]


@pytest.mark.parametrize("name", ["ünï", "a.b", 'a"b', "$.x", "", "extra", "x y"])
def test_any_name_can_be_read(name: str) -> None:
    """A field is found by its exact name, whatever characters that has; one of the same name further down is not it."""
    extras = [json.dumps({name: "here"}), json.dumps({"deeper": {name: "not here"}}), None]
    events = pl.LazyFrame({"extra": extras})
    assert events.select(extra_field(name).alias("found")).collect()["found"].to_list() == ["here", None, None]


@pytest.mark.parametrize("dialect", [GUIDE, PRODUCERS], ids=["guide", "producers"])
@pytest.mark.parametrize("kind", EventKind)
def test_unknown_fields_of_both_dialects_come_back(
    dialect: dict[EventKind, dict[str, object]], kind: EventKind
) -> None:
    """Whatever kind and dialect a message has, its unknown fields can be read from frames and lazy frames."""
    messages = batch([value(dialect[kind] | {"team": "core", "build": 7}), value(dialect[kind])], kind=kind)
    events = decode(messages).events.sort("offset")
    columns = [extra_field("team"), extra_field("build", pl.Int64)]

    assert events.select(columns).rows() == [("core", 7), (None, None)]
    assert events.lazy().select(columns).collect(engine="streaming").rows() == [("core", 7), (None, None)]


def test_other_types_are_refused() -> None:
    """A type that JSON does not have is refused at once."""
    with pytest.raises(BadInput, match="use String, Int64, Float64 or Boolean"):
        extra_field("x", pl.Date)
