"""Messages that have been hard to read or could be, each under its name. Run as a program it reads them one by one:

a reader that overflows its stack takes the whole process with it, and then the last line printed says at which one.
"""

import bz2
import gzip
import sys
from collections.abc import Callable
from functools import partial
from random import Random

import pyarrow as pa  # type: ignore[import-untyped]

from ingest.kinds import EventKind, topic_of
from tests.fuzz.agreement import agreed
from tests.fuzz.messages import USUAL_MS, Sent, clean
from tests.fuzz.run import report
from tests.messages import ENVIRONMENT, GUIDE, completed
from tests.messages import value as spelled

_TOPIC = topic_of(EventKind.COMPLETED, ENVIRONMENT)
_NEIGHBOURS = 100
#: So much of a report, since a message may have a megabyte.
_SHOWN = 5_000


def _with(member: str) -> bytes:
    """The guide's COMPLETED with one member more at its end."""
    return completed()[:-1] + b"," + member.encode("utf-8", "surrogatepass") + b"}"


def _instead(name: str, token: str) -> bytes:
    """The guide's COMPLETED with this token in place of a field's."""
    left = completed(**{name: None})
    return left[:-1] + f',"{name}":{token}}}'.encode("utf-8", "surrogatepass")


VALUES: dict[str, bytes | None] = {
    "no value": None,
    "nothing": b"",
    "a blank": b" ",
    "arrays nested 500,000 deep": b"[" * 500_000,
    "closed arrays nested 500,000 deep": b"[" * 500_000 + b"]" * 500_000,
    "objects nested 200,000 deep": b'{"a":' * 200_000,
    "closed objects nested 150,000 deep": b'{"a":' * 150_000 + b"1" + b"}" * 150_000,
    "an unknown field of arrays 500,000 deep": _with('"x":' + "[" * 500_000 + "]" * 500_000),
    "an unknown field of objects 150,000 deep": _with('"x":' + '{"a":' * 150_000 + "1" + "}" * 150_000),
    "an unknown field 190 deep": _with('"x":' + "[" * 190 + "]" * 190),
    "an unknown field 210 deep": _with('"x":' + "[" * 210 + "]" * 210),
    "a known field of arrays 100,000 deep": _instead("domain", "[" * 100_000 + "]" * 100_000),
    "a number of a million digits": _instead("quality_score", "0." + "7" * 1_000_000),
    "a whole number of a million digits": _instead("total_tokens", "7" * 1_000_000),
    "a whole number of 5,000 digits": _instead("total_tokens", "7" * 5_000),
    "an unknown number of a million digits": _with('"x":' + "7" * 1_000_000),
    "a number beyond floats": _instead("total_cost_usd", "1e400"),
    "an exponent beyond all": _instead("total_cost_usd", "1e999999999999999999999"),
    "a tiny exponent": _instead("total_cost_usd", "1e-999999999"),
    "an unknown number beyond floats": _with('"x":1e400'),
    "an unknown number below floats": _with('"x":-1e400'),
    "minus zero tokens": _instead("total_tokens", "-0"),
    "minus zero seconds": _instead("total_duration_seconds", "-0.0"),
    "more decimals than money has": _instead("total_cost_usd", "0.12345678901234567890123456789"),
    "half of the last decimal of money": _instead("total_cost_usd", "0.0000000005"),
    "one and a half of it": _instead("total_cost_usd", "0.0000000015"),
    "money a little above the most": _instead("total_cost_usd", "1000000.0000000000000001"),
    "a score a little above one": _instead("quality_score", "1.00000000000000000001"),
    "tokens that only look whole": _instead("total_tokens", "1.00000000000000000001"),
    "tokens with an exponent": _instead("total_tokens", "12e2"),
    "a lone surrogate escaped": _instead("domain", '"\\ud800"'),
    "a lone low surrogate escaped": _instead("domain", '"a\\udc00"'),
    "a surrogate pair escaped": _instead("domain", '"\\ud83d\\ude00"'),
    "a lone surrogate in UTF-8": _instead("domain", '"\ud800"'),
    "a lone surrogate in an unknown field": _with('"x":"\\ud800"'),
    "a lone surrogate in an unknown name": _with('"\\ud800":1'),
    "a lone surrogate for the kind": _with('"event_type":"\\ud800"'),
    "NUL in a name": _instead("domain", '"a\\u0000"'),
    "NUL as it is in a name": _instead("domain", '"a\x00"'),
    "NUL after the message": completed() + b"\x00",
    "NUL in an unknown field": _with('"x":"\\u0000"'),
    "a byte order mark": b"\xef\xbb\xbf" + completed(),
    "a byte order mark inside": _instead("domain", '"\ufeffapi"'),
    "UTF-16": completed().decode().encode("utf-16"),
    "gzip's first bytes": b"\x1f\x8b" + completed(),
    "zstd's first bytes": b"\x28\xb5\x2f\xfd" + completed(),
    "packed with gzip": gzip.compress(completed(), mtime=0),
    "packed with bzip2": bz2.compress(completed()),
    "packed with zstd": pa.compress(completed(), codec="zstd", asbytes=True),
    "eight megabytes packed with gzip": gzip.compress(b'{"a":1} ' * (1 << 20), mtime=0),
    "zlib's first bytes": b"\x78\x9c" + completed(),
    "a text of a megabyte": _instead("domain", '"' + "x" * 1_048_576 + '"'),
    "an unknown text of nearly a megabyte": _with('"x":"' + "y" * 1_048_000 + '"'),
    "an unknown name of nearly a megabyte": _with('"' + "y" * 1_048_000 + '":1'),
    "a hundred thousand fields": _with(",".join(f'"f{number}":1' for number in range(80_000))),
    "a hundred thousand times the same field": _with(",".join(['"x":1'] * 100_000)),
    "a doubled field": _with('"domain":"other"'),
    "a doubled field of other type": _with('"domain":7'),
    "a doubled field, null": _with('"quality_score":null'),
    "a doubled kind": _with('"event_type":"NODE_GENERATION_FAILED","event_type":"NODE_GENERATION_COMPLETED"'),
    "an escaped name": _with('"primary\\u005fmodel":"m"'),
    "an escaped name for a known one": completed().replace(b"workflow_id", b"workflow\\u005fid"),
    "a doubled field, once escaped": _with('"workflow\\u005fid":"x"'),
    "a name in other case": _with('"Workflow_Id":"x"'),
    "a name with a blank": _with('"domain ":"x"'),
    "a blank before the colon": _with('"x" :1'),
    "a tab before the colon": _with('"x"\t:1'),
    "a carriage return before the colon": _with('"x"\r:1'),
    "a form feed before the colon": _with('"x"\x0c:1'),
    "a line break inside": _with('\n"x":1'),
    "a line break after": completed() + b"\n",
    "a carriage return after": completed() + b"\r",
    "blanks all around": b" \t\r\n" + completed() + b" \t\r\n",
    "a colon and quotes inside a text": _instead("primary_model", '"a\\":\\"b"'),
    "a text that ends like a name": _instead("primary_model", '"a\\":"'),
    "JSON inside a text": _instead("primary_model", '"{\\"workflow_id\\":\\"x\\"}"'),
    "a field hidden from counting": _with('"x" :1,"primary_model":"a\\":b"'),
    "a number for a text, hidden from counting": _instead("domain", "7")[:-1] + b',"primary_model" :"a\\":"}',
    "a comma after the last field": completed()[:-1] + b",}",
    "a comma too many": completed().replace(b",", b",,", 1),
    "a comment": completed()[:-1] + b"/* x */}",
    "single quotes": completed().replace(b'"', b"'"),
    "bad UTF-8": _with('"x":"y"').replace(b"y", b"\xff"),
    "overlong UTF-8": _with('"x":"y"').replace(b"y", b"\xc0\x80"),
    "cut UTF-8": _with('"x":"y"').replace(b"y", b"\xf0\x9f\x98"),
    "cut": completed()[:-1],
    "cut in a text": completed()[:20],
    "two messages in one": completed() * 2,
    "two messages in two lines": completed() + b"\n" + completed(),
    "an array of a message": b"[" + completed() + b"]",
    "a control character in a text": _instead("domain", '"a\x01b"'),
    "a tab in a text": _instead("domain", '"a\tb"'),
    "an escape that JSON does not have": _instead("domain", '"a\\x41"'),
    "not a number": _instead("quality_score", "NaN"),
    "infinity": _with('"x":Infinity'),
    "a number with a zero in front": _instead("total_tokens", "01"),
    "a number with a plus": _instead("total_tokens", "+1"),
    "a number that ends in its point": _instead("quality_score", "1."),
    "a capital that has no single small letter": _instead("domain", '"\u0130"'),
    "a capital that has two small letters": _instead("domain", '"\u0391\u03a3"'),
    "a name of blanks": _instead("domain", '"   "'),
    "a name around which Python sees blanks": _instead("domain", '"\u3000\x1f api\u2028"'),
    "a name of 255 letters and a blank": _instead("domain", '"' + "x" * 255 + ' "'),
    "both durations": spelled(GUIDE[EventKind.STAGE_COMPLETED] | {"duration_seconds": 3}),
    "a leap second": _with('"timestamp":"2025-10-24T23:59:60Z"'),
    "a day that is none": _with('"timestamp":"2025-02-29T00:00:00Z"'),
    "the year 0": _with('"timestamp":"0000-01-01T00:00:00Z"'),
    "before the first year, in UTC": _with('"timestamp":"0001-01-01T00:00:00+23:59"'),
    "after the last year, in UTC": _with('"timestamp":"9999-12-31T23:59:59-23:59"'),
    "a time in nanoseconds": _with('"timestamp":"2025-10-24T10:30:00.123456789Z"'),
    "a time in Arabic digits": _with('"timestamp":"\u0662\u0660\u0662\u0665-10-24T10:30:00Z"'),
    "a time with a line break": _with('"timestamp":"2025-10-24T10:30:00Z\\n"'),
    "an id with a line break": completed(workflow_id="3398727c-4860-5937-ad53-09dc1c9e8025\n"),
    "an id in braces": completed(workflow_id="{3398727c48605937ad5309dc1c9e8025}--"),
}

_FAILURE = spelled(GUIDE[EventKind.FAILED] | {"event_type": "NODE_GENERATION_FAILED", "error_message": "@"})
VALUES |= {
    "an error message of a million letters": _FAILURE.replace(b"@", b"x" * 1_000_000),
    "an error message of a million letters and one": _FAILURE.replace(b"@", b"x" * 1_000_001),
    "an error message with NUL": _FAILURE.replace(b"@", b"a\\u0000"),
    "an error message with a lone surrogate": _FAILURE.replace(b"@", b"a\\ud800"),
    "an error message with a control character": _FAILURE.replace(b"@", b"a\\u001f"),
}

TIMES: dict[str, int | None] = {
    "no time": None,
    "a millisecond before 1970": -1,
    "the largest time": 2**63 - 1,
    "the smallest time": -(2**63),
    "just after the year 9999": 253_402_300_800_000,
    "just before the year 1": -62_135_596_800_001,
    "microseconds for milliseconds": 1_761_300_000_250_000,
}


#: What one message does to the reading of another.
TOGETHER: dict[str, list[bytes]] = {
    "two messages in one value, and later a blank one": [
        completed(total_tokens=1) + b"\n" + completed(total_tokens=2),
        completed(total_tokens=3),
        completed(total_tokens=4),
        b" ",
    ],
}


def cases() -> dict[str, Sent]:
    """Every value under its name, and every time with a message that has no time of its own and with one that has."""
    values = {name: Sent(_TOPIC, 0, USUAL_MS, value) for name, value in VALUES.items()}
    times = {name: Sent(_TOPIC, 0, time, completed(timestamp=None)) for name, time in TIMES.items()}
    told = {
        f"{name}, told": Sent(_TOPIC, 0, time, _with('"timestamp":"2025-10-24T10:30:00Z"'))
        for name, time in TIMES.items()
    }
    return values | times | told


def main(say: Callable[[str], object]) -> int:
    """Compare on each, alone and among clean ones; return the exit code."""
    rng = Random(7)
    others = [clean(rng) for _ in range(_NEIGHBOURS)]
    batches = {name: ([one], [*others[:7], one, *others[7:]]) for name, one in cases().items()}
    together = {name: ([Sent(_TOPIC, 0, USUAL_MS, value) for value in values],) for name, values in TOGETHER.items()}
    for name, some in (batches | together).items():
        say(name)
        for sent in some:
            if agreed(sent) is None:
                say(report(sent)[:_SHOWN])
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(partial(print, flush=True)))
