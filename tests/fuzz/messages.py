"""Messages made from a seed, some 15 microseconds each: clean ones, and ones spoiled by the mutations of the tables."""

from collections.abc import Mapping
from random import Random
from typing import NamedTuple, TypeVar

from ingest.kinds import EventKind, topic_of
from ingest.messages import Header
from tests.fuzz.mutations import BYTE_MUTATIONS, FIELD_MUTATIONS, WILD_MUTATIONS, ByteMutation, Field, FieldMutation
from tests.fuzz.tokens import FIELDS, event_type
from tests.messages import ENVIRONMENT

Mutation = TypeVar("Mutation", FieldMutation, ByteMutation)
#: Kafka's time of nearly all messages.
USUAL_MS = 1_761_300_000_250
_KINDS = tuple(EventKind)
_TOPICS = tuple(topic_of(kind, ENVIRONMENT) for kind in EventKind)
_FOREIGN_TOPIC = f"{ENVIRONMENT}.something-else.v1"
_TIMES: tuple[int | None, ...] = (
    *(None, -1, 0, 1, 946_684_799_999, 946_684_800_000, 1_764_547_500_000, 1_764_547_500_001, 253_402_300_799_999),
    *(253_402_300_800_000, -62_135_596_800_000, -62_135_596_800_001, 2**63 - 1, -(2**63), 2**53, 10**15, -(10**17)),
)
_KEYS: tuple[bytes | str | None, ...] = (None, b"", b"\x00\xff", "text", b"k" * 300)
_HEADERS: tuple[list[Header] | None, ...] = (
    None,
    [],
    [("a", None), ("a", b"\xff\x00"), ("", b"")],
    [("é", "text"), ("traceparent", b"00-1")],
)


class Sent(NamedTuple):
    """One message as it comes from Kafka."""

    topic: str
    partition: int
    timestamp_ms: int | None
    value: bytes | None
    key: bytes | str | None = None
    headers: list[Header] | None = None


def clean(rng: Random) -> Sent:
    """As producers send it, in either dialect, compact or with blanks."""
    number = int(rng.random() * 4)
    fields = clean_fields(rng, _KINDS[number])
    return Sent(_TOPICS[number], number, USUAL_MS, spell(fields, spaced=rng.random() < 0.3), b"key")


def spoiled(rng: Random) -> Sent:
    """With one to three mutations after which it is still a line of JSON."""
    return _mutated(rng, FIELD_MUTATIONS, 1 + int(rng.random() ** 2 * 3))


def wild(rng: Random) -> Sent:
    """With one or two of the mutations that no reader has to survive, and perhaps others."""
    table = WILD_MUTATIONS if rng.random() < 0.7 else {**WILD_MUTATIONS, **FIELD_MUTATIONS}
    return _mutated(rng, table, 1 + int(rng.random() * 2))


def damaged(rng: Random) -> Sent:
    """With its bytes damaged; now and then a spoiled one, or one without a value or with far too much of it."""
    if rng.random() < 0.02:
        return clean(rng)._replace(value=None)
    if rng.random() < 0.002:
        return _huge(rng)
    sent = clean(rng) if rng.random() < 0.7 else spoiled(rng)
    return sent._replace(value=_entry(rng, BYTE_MUTATIONS)(rng, sent.value or b"{}"))


def of_two_lines(rng: Random) -> Sent:
    """Two clean ones in one value, or one that is spread over several lines."""
    sent, other = clean(rng), clean(rng)
    value = sent.value or b""
    return sent._replace(value=rng.choice((value + b"\n" + (other.value or b""), value.replace(b",", b",\n", 1))))


def blank(rng: Random) -> Sent:
    """Nothing but white space."""
    return clean(rng)._replace(value=rng.choice((b" ", b"\t", b"\r", b"  ", b" \r")))


def clean_fields(rng: Random, kind: EventKind) -> list[Field]:
    """The fields of a sound message; one of the two in three names its kind itself."""
    fields: list[Field] = [("event_type", event_type(kind))] if rng.random() < 0.66 else []
    seen = ""
    for name, share, make in FIELDS[kind]:
        if rng.random() < share and name != seen:
            fields.append((name, make(rng)))
            seen = name
    return fields


def spell(fields: list[Field], *, spaced: bool = False) -> bytes:
    """Spell an object. A name may bring its own closing quote, see the mutations of blanks; NUL marks that."""
    colon, comma = ('": ', ", ") if spaced else ('":', ",")
    text = "{" + comma.join([f'"{name}{colon}{token}' for name, token in fields]) + "}"
    return text.replace('\0":', ":").encode("utf-8", "surrogatepass")


def _mutated(rng: Random, table: Mapping[str, FieldMutation], count: int) -> Sent:
    number = int(rng.random() * 4)
    fields = clean_fields(rng, _KINDS[number])
    for _ in range(count):
        if fields:
            _entry(rng, table)(rng, fields)
    value = spell(fields, spaced=rng.random() < 0.2)
    return _around(rng, Sent(_TOPICS[number], number, USUAL_MS, value, b"key"))


def _around(rng: Random, sent: Sent) -> Sent:
    """Now and then another topic, time, key or headers."""
    if rng.random() < 0.75:
        return sent
    topic = rng.choice((*_TOPICS, _FOREIGN_TOPIC)) if rng.random() < 0.3 else sent.topic
    return Sent(topic, sent.partition, rng.choice(_TIMES), sent.value, rng.choice(_KEYS), rng.choice(_HEADERS))


def _huge(rng: Random) -> Sent:
    """About as large as a message may be, or larger."""
    size = rng.choice((999_999, 1_000_000, 1_000_001, 1_048_300, 1_048_576, 1_100_000))
    fields = [
        *clean_fields(rng, EventKind.FAILED),
        (rng.choice(("error_message", "note", "domain")), f'"{"x" * size}"'),
    ]
    return Sent(topic_of(EventKind.FAILED, ENVIRONMENT), 0, USUAL_MS, spell(fields))


def _entry(rng: Random, table: Mapping[str, Mutation]) -> Mutation:
    functions = list(table.values())
    return functions[int(rng.random() * len(functions))]
