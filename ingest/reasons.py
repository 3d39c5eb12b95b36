"""Why a message is refused."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """The short codes of the `reason` column of dead letters."""

    EMPTY = "empty"  # no value at all
    TOO_LARGE = "too_large"
    INVALID_JSON = "invalid_json"  # also bytes that are not UTF-8, NaN and Infinity, which JSON does not have
    NOT_AN_OBJECT = "not_an_object"
    UNKNOWN_KIND = "unknown_kind"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    FUTURE_TIME = "future_time"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A refused message: the reason, and in words which field is wrong and how."""

    reason: Reason
    detail: str
