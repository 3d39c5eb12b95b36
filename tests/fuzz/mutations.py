"""All that can be wrong with a message, as two tables of small functions: what happens to its fields, or to its bytes.

A field is its name and its value, both as they are spelled in JSON. Mutations of fields change the list in place.
"""

from collections.abc import Callable
from random import Random

from tests.fuzz import tokens
from tests.fuzz.tokens import pick

Field = tuple[str, str]
FieldMutation = Callable[[Random, list[Field]], None]
ByteMutation = Callable[[Random, bytes], bytes]


def any_text(rng: Random) -> str:
    """A text that may be hard to read."""
    return f'"{pick(rng, tokens.TEXTS)}"'


def any_value(rng: Random) -> str:
    """A value of any type, as JSON has it."""
    return (
        any_text,
        lambda rng: pick(rng, tokens.NUMBERS),
        lambda rng: pick(rng, tokens.OTHERS),
        lambda rng: f'"{pick(rng, tokens.UUIDS)}"',
        lambda rng: f'"{pick(rng, tokens.TIMES)}"',
    )[int(rng.random() * 5)](rng)


def _set(fields: list[Field], place: int, token: str) -> None:
    fields[place] = (fields[place][0], token)


def _place(rng: Random, fields: list[Field]) -> int:
    return int(rng.random() * len(fields))


def _place_of(rng: Random, fields: list[Field], wanted: Callable[[str], bool]) -> int:
    """Where a field with such a value is; anywhere if there is none."""
    places = [place for place, (_, token) in enumerate(fields) if wanted(token)]
    return places[int(rng.random() * len(places))] if places else _place(rng, fields)


def _is_text(token: str) -> bool:
    return token.startswith('"')


def _is_number(token: str) -> bool:
    return token[:1] in "-0123456789"


def _other_value(rng: Random, fields: list[Field]) -> None:
    _set(fields, _place(rng, fields), any_value(rng))


def _other_text(rng: Random, fields: list[Field]) -> None:
    _set(fields, _place_of(rng, fields, _is_text), any_text(rng))


def _other_number(rng: Random, fields: list[Field]) -> None:
    _set(fields, _place_of(rng, fields, _is_number), pick(rng, tokens.NUMBERS))


def _other_time(rng: Random, fields: list[Field]) -> None:
    token = f'"{pick(rng, tokens.TIMES)}"'
    for place, (name, _) in enumerate(fields):
        if name == "timestamp":
            _set(fields, place, token)
            return
    fields.append(("timestamp", token))


def _other_id(rng: Random, fields: list[Field]) -> None:
    name = "workflow_id" if rng.random() < 0.5 else "event_id"
    fields[:] = [field for field in fields if field[0] != name]
    fields.insert(_place(rng, fields), (name, f'"{pick(rng, tokens.UUIDS)}"'))


def _number_in_text_field(rng: Random, fields: list[Field]) -> None:
    _set(fields, _place_of(rng, fields, _is_text), pick(rng, tokens.NUMBERS))


def _text_in_number_field(rng: Random, fields: list[Field]) -> None:
    place = _place_of(rng, fields, _is_number)
    _set(
        fields, place, f'"{fields[place][1]}"' if rng.random() < 0.5 and _is_number(fields[place][1]) else any_text(rng)
    )


def _boolean(rng: Random, fields: list[Field]) -> None:
    _set(fields, _place(rng, fields), "true" if rng.random() < 0.5 else "false")


def _null(rng: Random, fields: list[Field]) -> None:
    _set(fields, _place(rng, fields), "null")


def _left_out(rng: Random, fields: list[Field]) -> None:
    del fields[_place(rng, fields)]


def _doubled(rng: Random, fields: list[Field]) -> None:
    name, token = fields[_place(rng, fields)]
    fields.insert(_place(rng, fields), (name, token if rng.random() < 0.3 else any_value(rng)))


def _known_field(rng: Random, fields: list[Field]) -> None:
    """A field of any kind, with any value."""
    fields.insert(_place(rng, fields), (pick(rng, tokens.ALL_NAMES), any_value(rng)))


def _unknown_field(rng: Random, fields: list[Field]) -> None:
    fields.insert(_place(rng, fields), (pick(rng, tokens.UNKNOWN_NAMES), any_value(rng)))


def _many_unknown(rng: Random, fields: list[Field]) -> None:
    fields += [(f"f{number}", any_value(rng)) for number in range(rng.randrange(5, 60))]


def _both_durations(rng: Random, fields: list[Field]) -> None:
    fields += [("duration_ms", pick(rng, tokens.NUMBERS)), ("duration_seconds", pick(rng, tokens.NUMBERS))]


def _escaped_name(rng: Random, fields: list[Field]) -> None:
    place = _place(rng, fields)
    name, token = fields[place]
    if name and not name.startswith("\\"):
        fields[place] = (f"\\u{ord(name[0]):04x}{name[1:]}", token)


def _name_in_other_case(rng: Random, fields: list[Field]) -> None:
    place = _place(rng, fields)
    fields[place] = (fields[place][0].upper(), fields[place][1])


def _blank_before_colon(rng: Random, fields: list[Field]) -> None:
    """`"name" :`, as the second quote and a blank come in through the name."""
    place = _place(rng, fields)
    fields[place] = (fields[place][0] + '"' + pick(rng, (" ", "\t", "\r", "  ")) + "\0", fields[place][1])


def _blank_after_colon(rng: Random, fields: list[Field]) -> None:
    place = _place(rng, fields)
    _set(fields, place, pick(rng, (" ", "  ", "\t", "\r", " \t")) + fields[place][1])


def _blank_after_value(rng: Random, fields: list[Field]) -> None:
    place = _place(rng, fields)
    _set(fields, place, fields[place][1] + pick(rng, (" ", "\t", "\r", "  ")))


def _shuffled(rng: Random, fields: list[Field]) -> None:
    rng.shuffle(fields)


def _long_text(rng: Random, fields: list[Field]) -> None:
    length = rng.choice((254, 255, 256, 257, 1_000, 20_000))
    _set(fields, _place_of(rng, fields, _is_text), f'"{rng.choice("ax é") * length}"')


def _other_message(rng: Random, fields: list[Field]) -> None:
    """Free text, which may hold what a name may not."""
    fields[:] = [field for field in fields if field[0] != "error_message"]
    token = f'"{pick(rng, tokens.ESCAPES)}"' if rng.random() < 0.6 else any_text(rng)
    fields.append(("error_message", token))


def _hidden_field(rng: Random, fields: list[Field]) -> None:
    """A field that counting colons after quotes does not see, and a text that makes up for it."""
    _unknown_field(rng, fields) if rng.random() < 0.5 else _doubled(rng, fields)
    place = _place(rng, fields)
    fields[place] = (fields[place][0] + '" \0', fields[place][1])
    fields.append(("error_message" if rng.random() < 0.5 else "primary_model", '"a\\":b"'))


def _hidden_number(rng: Random, fields: list[Field]) -> None:
    """A number in a text's place, a text that ends so that it counts for two, and a field that is not counted."""
    _number_in_text_field(rng, fields)
    _set(fields, _place_of(rng, fields, _is_text), '"a\\":"')
    place = _place(rng, fields)
    fields[place] = (fields[place][0] + '" \0', fields[place][1])


def _swapped_types(rng: Random, fields: list[Field]) -> None:
    """A number where a text belongs and a text where a number belongs: as many texts as before."""
    _number_in_text_field(rng, fields)
    _text_in_number_field(rng, fields)


def _lost_and_foreign(rng: Random, fields: list[Field]) -> None:
    """One field less that we know, one more that we do not."""
    _left_out(rng, fields)
    if fields:
        _unknown_field(rng, fields)


#: These leave a line of JSON that any reader can read.
FIELD_MUTATIONS: dict[str, FieldMutation] = {
    "other value": _other_value,
    "other text": _other_text,
    "other number": _other_number,
    "other time": _other_time,
    "other id": _other_id,
    "number in a text field": _number_in_text_field,
    "text in a number field": _text_in_number_field,
    "boolean": _boolean,
    "null": _null,
    "left out": _left_out,
    "doubled": _doubled,
    "known field": _known_field,
    "unknown field": _unknown_field,
    "many unknown fields": _many_unknown,
    "both durations": _both_durations,
    "escaped name": _escaped_name,
    "name in other case": _name_in_other_case,
    "blank before the colon": _blank_before_colon,
    "blank after the colon": _blank_after_colon,
    "blank after the value": _blank_after_value,
    "shuffled": _shuffled,
    "long text": _long_text,
    "other message": _other_message,
    "hidden field": _hidden_field,
    "hidden number": _hidden_number,
    "swapped types": _swapped_types,
    "lost and foreign": _lost_and_foreign,
}


def _wild_number(rng: Random, fields: list[Field]) -> None:
    _set(fields, _place(rng, fields), pick(rng, tokens.WILD_NUMBERS))


def _malformed_value(rng: Random, fields: list[Field]) -> None:
    _set(fields, _place(rng, fields), pick(rng, tokens.MALFORMED))


def _malformed_unknown(rng: Random, fields: list[Field]) -> None:
    fields.append((pick(rng, tokens.UNKNOWN_NAMES), pick(rng, tokens.MALFORMED)))


def _wild_unknown(rng: Random, fields: list[Field]) -> None:
    fields.append((pick(rng, tokens.UNKNOWN_NAMES), pick(rng, tokens.WILD_NUMBERS)))


def _malformed_name(rng: Random, fields: list[Field]) -> None:
    place = _place(rng, fields)
    fields[place] = (pick(rng, ('a"b', "a\tb", "\\q", "\\ud800", "a\nb", "\\", '"', "\x00b")), fields[place][1])


def _line_break(rng: Random, fields: list[Field]) -> None:
    place = _place(rng, fields)
    _set(fields, place, "\n" + fields[place][1])


#: After these some readers give up.
WILD_MUTATIONS: dict[str, FieldMutation] = {
    "wild number": _wild_number,
    "wild number in an unknown field": _wild_unknown,
    "malformed value": _malformed_value,
    "malformed value in an unknown field": _malformed_unknown,
    "malformed name": _malformed_name,
    "line break": _line_break,
}


def _cut(rng: Random, value: bytes) -> bytes:
    return value[: int(rng.random() * len(value))]


def _cut_in_front(rng: Random, value: bytes) -> bytes:
    return value[int(rng.random() * len(value)) :]


def _byte_changed(rng: Random, value: bytes) -> bytes:
    place = int(rng.random() * len(value))
    return value[:place] + bytes([rng.getrandbits(8)]) + value[place + 1 :]


def _byte_more(rng: Random, value: bytes) -> bytes:
    place = int(rng.random() * len(value))
    return value[:place] + bytes([rng.getrandbits(8)]) + value[place:]


def _byte_less(rng: Random, value: bytes) -> bytes:
    place = int(rng.random() * len(value))
    return value[:place] + value[place + 1 :]


def _sign_more(rng: Random, value: bytes) -> bytes:
    place = int(rng.random() * len(value))
    return (
        value[:place]
        + rng.choice((b'"', b",", b":", b"{", b"}", b"[", b"]", b"\\", b" ", b"\n", b"\r", b"\x00"))
        + value[place:]
    )


def _bad_utf8(rng: Random, value: bytes) -> bytes:
    place = int(rng.random() * len(value))
    bad = (b"\xff", b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", b"\xf0\x9f\x98")
    return value[:place] + rng.choice(bad) + value[place:]


def _prefixed(rng: Random, value: bytes) -> bytes:
    prefixes = (
        b"\xef\xbb\xbf",
        b" ",
        b"\t",
        b"\r",
        b"\n",
        b"\r\n",
        b"\x00",
        b"\x1f\x8b",
        b"\x28\xb5\x2f\xfd",
        b"PK\x03\x04",
    )
    more = (
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
        b"\x00\x00\x00\x00\x01",
        b",",
        b"[",
        b"//\n",
        b"\xfe\xff",
        b"\x0b",
        b"\x0c",
    )
    return rng.choice(prefixes + more) + value


def _suffixed(rng: Random, value: bytes) -> bytes:
    return value + rng.choice(
        (b" ", b"\t", b"\r", b"\n", b"\r\n", b"\x00", b",", b"}", b"]", b"//", b"x", b"{}", b"null", b"\x1a")
    )


def _concatenated(rng: Random, value: bytes) -> bytes:
    return value + rng.choice((b"", b" ", b"\n", b",", b"\x00", b"\r\n")) + value


def _wrapped(rng: Random, value: bytes) -> bytes:
    before, after = rng.choice(
        ((b"[", b"]"), (b'{"a":', b"}"), (b'"', b'"'), (b"(", b")"), (b"{", b"}"), (b"[" * 200, b"]" * 200))
    )
    return before + value + after


def _utf16(rng: Random, value: bytes) -> bytes:
    text = value.decode("utf-8", "replace")
    return text.encode(rng.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "utf-7")), "replace")


def _something_else(rng: Random, _: bytes) -> bytes:
    whole = (
        b"",
        b" ",
        b"\n",
        b"\x00",
        b"null",
        b"true",
        b"7",
        b"-0",
        b'"x"',
        b"[]",
        b"{}",
        b"{ }",
        b"[{}]",
        b"{",
        b"}",
        b"{}\n",
        b"{}{}",
    )
    return rng.choice(
        (*whole, b"\xff\xfe", b"NaN", b'{"":1}', b"{1:1}", b"{'a':1}", b"\x1f\x8b", b"[" * 3_000, b'{"a":' * 3_000)
    )


BYTE_MUTATIONS: dict[str, ByteMutation] = {
    "cut": _cut,
    "cut in front": _cut_in_front,
    "byte changed": _byte_changed,
    "byte more": _byte_more,
    "byte less": _byte_less,
    "sign more": _sign_more,
    "bad UTF-8": _bad_utf8,
    "prefixed": _prefixed,
    "suffixed": _suffixed,
    "concatenated": _concatenated,
    "wrapped": _wrapped,
    "other encoding": _utf16,
    "something else": _something_else,
}
