"""Tokens of JSON to build messages from: sound ones as producers write them, edges, and what no producer should send.

Tokens are spelled rather than encoded, so that they can hold what no encoder would write.
"""

from collections.abc import Callable
from random import Random

from ingest.kinds import EVENT_TYPES, EventKind

Make = Callable[[Random], str]

_TYPES = {kind: f'"{event_type}"' for event_type, kind in EVENT_TYPES.items()}


def pick(rng: Random, choices: tuple[str, ...]) -> str:
    """Like `rng.choice`, several times faster."""
    return choices[int(rng.random() * len(choices))]


def a_uuid(rng: Random) -> str:
    """A UUID in its usual spelling."""
    text = f"{rng.getrandbits(128):032x}"
    return f'"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"'


def _time(rng: Random) -> str:
    number = rng.getrandbits(40)
    day, second, fraction = 1 + number % 28, number % 60, number % 1_000_000
    start = f'"2025-{1 + number % 11:02d}-{day:02d}T{number % 24:02d}:{second:02d}:{second:02d}'
    return start + (f'.{fraction:06d}+00:00"', f'.{fraction % 1000:03d}Z"', 'Z"', '"')[number >> 20 & 3]


def _one_of(*texts: str) -> Make:
    tokens = tuple(f'"{text}"' for text in texts)
    return lambda rng: pick(rng, tokens)


def _up_to(most: int) -> Make:
    return lambda rng: str(int(rng.random() * most))


def _fraction(most: float) -> Make:
    """All the digits of a float, or a few; now and then a whole number, or one just at the end of the range."""

    def make(rng: Random) -> str:
        number = rng.random()
        if number < 0.3:
            return f"{number * most:.3f}"
        if number < 0.4:
            return str(int(number * most))
        return repr(number * most)

    return make


def _money(rng: Random) -> str:
    number = rng.random()
    return f"{number:.6f}" if number < 0.5 else f"{number:.9f}" if number < 0.8 else repr(number / 10)


_NAME = _one_of("effect", "Compute", "reducer ", "ml ops", "a-b_c.d", "x" * 40, "gpt-5/mini", "E42", "a{}", "a,b", "'")
_TEXT = _one_of("Quality score below threshold", "", "a: b", "no, {really}", "line\\nbreak", "tab\\t", "50% [done]")

_COMMON: tuple[tuple[str, float, Make], ...] = (
    ("workflow_id", 1.0, a_uuid),
    ("event_id", 0.3, a_uuid),
    ("event_id", 0.05, _one_of("evt-1", "7")),
    ("correlation_id", 0.2, _NAME),
    ("timestamp", 0.9, _time),
    ("primary_model", 0.2, _NAME),
    ("retry_count", 0.2, _up_to(4)),
)
_LABELS: tuple[tuple[str, float, Make], ...] = (("node_type", 0.8, _NAME), ("domain", 0.7, _NAME))
_TOTALS: tuple[tuple[str, float, Make], ...] = (
    ("total_tokens", 0.6, _up_to(9_000)),
    ("total_cost_usd", 0.6, _money),
)
#: The fields of each kind: how often a sound message has it, and its token.
FIELDS: dict[EventKind, tuple[tuple[str, float, Make], ...]] = {
    EventKind.STARTED: (*_COMMON, *_LABELS),
    EventKind.STAGE_COMPLETED: (
        *_COMMON,
        ("stage_name", 0.9, _NAME),
        ("stage_number", 0.9, _up_to(9)),
        ("duration_ms", 0.8, _fraction(60_000)),
        ("duration_seconds", 0.03, _fraction(60)),
        ("success", 0.8, lambda rng: "true" if rng.random() < 0.9 else "false"),
        ("tokens_consumed", 0.8, _up_to(3_000)),
        ("cost_usd", 0.8, _money),
    ),
    EventKind.COMPLETED: (
        *_COMMON,
        *_LABELS,
        *_TOTALS,
        ("total_duration_seconds", 0.9, _fraction(900)),
        ("quality_score", 0.8, _fraction(1)),
    ),
    EventKind.FAILED: (
        *_COMMON,
        *_LABELS,
        *_TOTALS,
        ("failed_stage", 0.7, _NAME),
        ("error_code", 0.5, _NAME),
        ("error_message", 0.8, _TEXT),
        ("partial_duration_seconds", 0.6, _fraction(900)),
    ),
}
ALL_NAMES = tuple(sorted({"event_type", *(name for fields in FIELDS.values() for name, _, _ in fields)}))


def event_type(kind: EventKind) -> str:
    """The token that says the kind."""
    return _TYPES[kind]


NUMBERS = (
    *("0", "-0", "-0.0", "0.0", "0e0", "1", "1.0", "1e0", "2.5", "7", "1e3", "1E+2", "1e-7", "0.1", "0.6", "1.5"),
    *("-1", "-1.0", "-0.1", "-1e-9", "-5e-324", "5e-324", "2.2250738585072014e-308", "0.30000000000000004"),
    *("1.0000000000000002", "1.0000000000000000000001", "0.99999999999999999999", "1.00000000000000011102230246"),
    *("0.0000000005", "0.0000000015", "0.0000000025", "0.01234567895123", "0.123456789", "0.1234567895", "1e-10"),
    *("999999.999999999", "999999.9999999995", "1000000", "1000000.0", "1000000.1", "1000000.0000000001", "1e6"),
    *("1000", "1001", "1000.5", "10000", "10001", "10000.0", "1000000000000", "1000000000001", "1e12", "1.5e12"),
    *("316224000", "316224000.0", "316224000.1", "316224000000", "316224000000.1", "316224001000", "31622400000000e-2"),
    *("2147483647", "2147483648", "4294967296", "9007199254740993", "9223372036854775807", "9223372036854775808"),
    *("18446744073709551615", "18446744073709551616", "-9223372036854775809", "123456789.123456789123456789"),
    *("1" + "0" * 40, "0." + "0" * 40 + "1", "0." + "1" * 60, "1e308", "1.7976931348623157e308", "0" + "." + "3" * 400),
)
#: Numbers that some readers take and others do not.
WILD_NUMBERS = (
    *("1e400", "-1e400", "1e999999999", "1e-999999999", "0e999999999", "1" + "0" * 400, "-1" + "0" * 400, "1" * 5_000),
    *("1e309", "1.8e308", "-1e309", "1E400"),
)
_LONG = "x" * 255
TEXTS = (
    *("a", "effect", " Effect", "API ", "  ", "", " ", "a b", "\\t", "\\n", "a\\tb", "\\u0000", "\\u001f", "\\u007f"),
    *(_LONG, _LONG + "x", _LONG[1:] + " ", _LONG + " ", "é" * 255, "é" * 256, "😀" * 255, "x" * 1_000, "X" * 255),
    *("données", "İ", "İstanbul", "ẞ", "Σ", "ΑΣ", "\u2028", "\u00a0a\u00a0", "\u3000", "\ufeff", "\x7f", "\x85"),
    *("\\u0061pi", "\\ud83d\\ude00", "\\/", "\\\\", "\\b", "\\f", "\\r", '\\"', '\\"x\\"', "\\\\u0061", "\\\\n"),
    *(
        'a\\":1',
        'a\\":',
        'a\\":\\"b',
        '\\":',
        '\\": ',
        ':\\"',
        'a:\\"b',
        '\\",\\"b\\":\\"',
        '{\\"a\\":1}',
        '\\" :',
        '\\\\\\":',
    ),
    *("{}", "[]", "null", "true", "1", "0.5", "NaN", "-0", "1e400", "2025-10-24T10:30:00Z", "{'a': 1}", "//", "/* */"),
    *("NODE_GENERATION_STARTED", "NODE_GENERATION_FAILED", "node_generation_started", "NODE_GENERATION_PAUSED"),
)
#: What free text may hold, and in part is not kept as it is.
ESCAPES = ("a\\u0000b", "\\u0000", "a\\u001fb", "\\u0061", "\\ud83d\\ude00", "\\n")
UUIDS = (
    "3398727c-4860-5937-ad53-09dc1c9e8025",
    "3398727C-4860-5937-AD53-09DC1C9E8025",
    "3398727c-4860-5937-ad53-09dc1c9e802",
    "3398727c-4860-5937-ad53-09dc1c9e80255",
    "3398727c48605937ad5309dc1c9e8025",
    "{3398727c48605937ad5309dc1c9e8025}--",
    "urn:uuid:3398727c48605937ad5309dc1c9",
    "3398727c-48605-937-ad53-09dc1c9e8025",
    "3398727c-4860-5937-ad53-09dc1c9e802g",
    "3398727c_4860_5937_ad53_09dc1c9e8025",
    "{3398727c-4860-5937-ad53-09dc1c9e8025}",
    "urn:uuid:3398727c-4860-5937-ad53-09dc1c9e8025",
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    " 3398727c-4860-5937-ad53-09dc1c9e802",
    "3398727c-4860-5937-ad53-09dc1c9e802\\n",
    "3398727c-4860-5937-ad53-09dc1c9e8025\\n",
    "٣٣٩٨٧٢٧٢-4860-5937-ad53-09dc1c9e8025",
    "x" * 36,
)
TIMES = (
    *(
        "2025-10-24T10:30:00Z",
        "2025-10-24T10:30:00.1Z",
        "2025-10-24T10:30:00.123456Z",
        "2025-10-24T10:30:00.123456789Z",
    ),
    *(
        "2025-10-24T10:30:00.1234567Z",
        "2025-10-24T10:30:00.12345+00:00",
        "2025-10-24T10:30:00.Z",
        "2025-10-24T10:30:00,5Z",
    ),
    *("2025-10-24T10:30:00", "2025-10-24T10:30:00-00:00", "2025-10-24T10:30:00+02:00", "2025-10-24T10:30:00+0000"),
    *("2025-10-24T10:30:00+00", "2025-10-24T10:30:00+00:00:00", "2025-10-24T10:30:00+00:00Z", "2025-10-24T10:30:00ZZ"),
    *("2025-10-24T10:30:00+24:00", "2025-10-24T10:30:00+23:59", "2025-10-24T10:30:00z", "2025-10-24t10:30:00Z"),
    *("2025-10-24 10:30:00", "2025-10-24  10:30:00", "2025-10-24", "20251024T103000Z", "2025-W43-5T10:30:00Z"),
    *("2025-297T10:30:00Z", "2025-10-24T10:30Z", "2025-10-24T10Z", "2025-10-24T24:00:00Z", "2025-10-24T23:59:60Z"),
    *(
        "2025-10-24T23:60:00Z",
        "2025-02-29T00:00:00Z",
        "2024-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2025-04-31T00:00:00Z",
    ),
    *("2025-13-01T00:00:00Z", "2025-00-01T00:00:00Z", "2025-01-00T00:00:00Z", "2000-02-29T23:59:59.999999Z"),
    *("2025-12-01T00:00:00Z", "2025-12-01T00:05:00Z", "2025-12-01T00:05:00.000001Z", "2025-12-01T01:05:00+01:00"),
    *(
        "2025-12-01T00:05:00.000000Z",
        "2025-12-01T00:04:59.999999Z",
        "1999-12-31T23:59:59.999999Z",
        "2000-01-01T00:00:00Z",
    ),
    *("2000-01-01T00:59:59+01:00", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59"),
    *("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-23:59", "12025-10-24T10:30:00Z"),
    *(
        "+2025-10-24T10:30:00Z",
        "-2025-10-24T10:30:00Z",
        "٢٠٢٥-10-24T10:30:00Z",
        "2025-10-24T10:30:00Z ",
        " 2025-10-24T10:30:00Z",
    ),
    *(
        "2025-10-24T10:30:00Z\\n",
        "2025-10-24T10:30:00\\u005a",
        "",
        "now",
        "1761300000",
        "2025-10-24T1\u0966:30:00Z",
        "1970-01-01T00:00:00Z",
    ),
)
OTHERS = (
    *("null", "true", "false", "[]", "{}", "[1]", "[[]]", '["effect"]', '[{"a":1}]', '{"a":1}', '{"":""}', '{"a":"b"}'),
    *('{"workflow_id":"x"}', '{"a":{"b":[null,"c"]}}', '[null,true,1.5,"x",{}]', '{"a":1,"a":2}', "[ 1 , 2 ]", "{ }"),
    *("[" * 30 + "]" * 30, '{"a":' * 30 + "1" + "}" * 30, "[" * 150 + "]" * 150, "[" + "0," * 500 + "0]"),
)
#: What is no JSON, though one reader or another lets it pass.
MALFORMED = (
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "nan",
        "01",
        "-01",
        "00",
        "+1",
        "1.",
        ".5",
        "-",
        "1e",
        "1e+",
        "0x10",
        "1_000",
        "1.e3",
    ),
    *(
        "True",
        "None",
        "nul",
        "nulll",
        "tru",
        "undefined",
        "'x'",
        "x",
        "",
        " ",
        "1 2",
        "1,",
        "[1,]",
        '{"a":1,}',
        "[1",
        '{"a"}',
    ),
    *(
        '{"a":}',
        "{1:2}",
        '"a',
        '"',
        '"\\"',
        '"a\\qb"',
        '"a\tb"',
        '"a\x00b"',
        '"a\x1fb"',
        '"\\u12"',
        '"\\uzzzz"',
        '"\\ud800"',
    ),
    *(
        '"\\udc00"',
        '"\\ud800\\ud800"',
        '"\\ud83dx"',
        '"a\nb"',
        "//x",
        "/**/1",
        '"\\x41"',
        "1d",
        "1f",
        "- 1",
        '"a" "b"',
        "\x00",
    ),
)
UNKNOWN_NAMES = (
    *("", "note", "x", "kind", "facts", "extra", "raw", "row", "model_extra", "trusted", "time", "model_config"),
    *("a:b", "a b", "é", "😀", "a\\nb", 'a\\":', '\\"', "\\\\", "__class__", "__dict__", "self", "kafka_time"),
    *("kind_of_topic", "event_time", "offset", "topic", "Node_Type", "WORKFLOW_ID", "workflowId", "workflow_id "),
)
