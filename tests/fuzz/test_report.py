"""What the differential test says when the decoder is wrong: the seed, and the smallest message that shows it."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl
import pytest

from ingest.decode import Decoded, Decoder
from ingest.messages import Messages
from tests.fuzz.messages import Sent
from tests.fuzz.run import Disagreement, fuzz
from tests.fuzz.shrink import smallest


def test_wrong_decoder_is_shown_by_its_smallest_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that reads one field wrong is caught, and of the batch one message with hardly more is left."""
    honest = Decoder.decode

    def lying(decoder: Decoder, messages: Messages, *, now: datetime, batch_id: str) -> Decoded:
        decoded = honest(decoder, messages, now=now, batch_id=batch_id)
        return Decoded(decoded.events.with_columns(pl.col("tokens") + 1), decoded.dead_letters)

    monkeypatch.setattr(Decoder, "decode", lying)
    with pytest.raises(Disagreement, match=r"^seed 3, .* 1 of its messages are read differently") as caught:
        fuzz(3, 500)
    said = str(caught.value)
    assert "tokens" in said
    assert "workflow_id" in said
    assert '"timestamp"' not in said, "a field that has nothing to do with it was not left out"


def test_decoder_that_raises_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that raises for some content of a message is caught, too, and what it raised is said."""

    def raising(*_: object, **__: object) -> Decoded:
        raise ValueError("no such luck")

    monkeypatch.setattr(Decoder, "decode", raising)
    with pytest.raises(Disagreement, match=r"the decoder raised ValueError.*no such luck"):
        fuzz(3, 10)


def test_batch_shrinks_to_the_messages_that_matter() -> None:
    """Where it takes two messages together to fail, just these two are left, without what does not matter in them."""
    sent = [Sent("topic", 0, None, b'{"a":%d,"b":2,"c":3}' % number, b"key") for number in range(50)]

    def fails(some: Sequence[Sent]) -> bool:
        values = [one.value or b"" for one in some]
        return any(b'"a":7' in value for value in values) and any(b'"a":31' in value for value in values)

    assert smallest(sent, fails) == [Sent("topic", 0, None, b'"a":7'), Sent("topic", 0, None, b'"a":31')]
