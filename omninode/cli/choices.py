"""What options may say."""

from enum import StrEnum


class CountedBy(StrEnum):
    """What letters are counted by: the keys of `ingest.dead_letters.COUNTED_BY`."""

    REASON = "reason"
    TOPIC = "topic"
    DAY = "day"


class FieldType(StrEnum):
    """The type of a promoted field's column: the keys of `ingest.extra.FIELD_TYPES`."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
