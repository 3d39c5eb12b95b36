"""A file of JSON lines becomes messages, and nothing in it disappears."""

from pathlib import Path

import pytest

from ingest.kinds import EventKind
from ingest.producer import Outgoing
from ingest.replay import outgoing, read_file
from omninode.errors import BadInput
from tests.messages import GUIDE, PRODUCERS, WORKFLOW, value


@pytest.mark.parametrize("dialect", [GUIDE, PRODUCERS], ids=["guide", "producers"])
@pytest.mark.parametrize("kind", EventKind)
def test_kind_is_read_from_the_event(dialect: dict[EventKind, dict[str, object]], kind: EventKind) -> None:
    """An event that says its kind goes to that topic; one that does not is told by the fields only its kind has."""
    message = value(dialect[kind])
    assert outgoing(message) == Outgoing(kind, WORKFLOW.encode(), message)


def test_word_beats_fields() -> None:
    """The event's own word decides, whatever fields it has; a kind that nobody knows is published all the same."""
    told = GUIDE[EventKind.FAILED] | {"event_type": "NODE_GENERATION_COMPLETED"}
    assert outgoing(value(told)).kind is EventKind.COMPLETED
    assert outgoing(value(told | {"event_type": "SOMETHING"})).kind is EventKind.STARTED


@pytest.mark.parametrize("line", [b"no JSON", b"[1]", b"\xff", b"null", b"[" * 100_000, b'{"workflow_id":7}'])
def test_lines_that_are_no_events_are_published_without_a_key(line: bytes) -> None:
    """What ingest is to refuse still has to get there."""
    assert outgoing(line) == Outgoing(EventKind.STARTED, None, line)


def test_lone_surrogate_in_the_workflow_does_not_stop_the_replay() -> None:
    """A workflow's name that cannot be written as UTF-8 makes a key all the same."""
    assert outgoing(b'{"workflow_id":"\\ud800"}').key == b"?"


def test_every_line_but_blank_ones_is_a_message(tmp_path: Path) -> None:
    """Lines come in the file's order, with the last one complete although no line feed ends it."""
    file = tmp_path / "events.jsonl"
    file.write_bytes(b'{"a":1}\r\n\n  \n{"b":2}\nno JSON')
    assert [message.value for message in read_file(file)] == [b'{"a":1}', b'{"b":2}', b"no JSON"]


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A file that cannot be read gives one line with its name and what to do."""
    with pytest.raises(BadInput, match=r"gone\.jsonl: No such file or directory; name a file of JSON lines"):
        list(read_file(tmp_path / "gone.jsonl"))
    with pytest.raises(BadInput, match="Is a directory"):
        list(read_file(tmp_path))
