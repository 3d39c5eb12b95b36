"""Dead letters are re-admitted exactly once, whoever dies and whoever else does the same."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import readmit
from ingest.added_columns import READMITTED_FROM
from ingest.dead_letters import Which, waiting_letters
from ingest.decode import Decoder
from ingest.kinds import EventKind, topics_of
from ingest.lake import Lake, open_lake
from ingest.limits import Limits
from ingest.micro_batch import READMISSIONS, Advance, MicroBatch
from ingest.partition_id import PartitionId
from ingest.readmit import Readmission, Readmitter
from ingest.reasons import Reason
from ingest.schema import EVENTS
from tests.lakes import PLACE, read_dead_letters, read_events
from tests.messages import ENVIRONMENT, NOW, batch, completed

HOUR = timedelta(hours=1)
DECODER = Decoder(topics_of(ENVIRONMENT))


def message(number: int, at: datetime | None = None) -> bytes:
    """A message like no other, with a time of its own."""
    return completed(workflow_id=str(UUID(int=number)), timestamp=(at or NOW - HOUR).isoformat())


def decoded(values: list[bytes], first: int = 0, *, now: datetime = NOW, place: PartitionId = PLACE) -> MicroBatch:
    """A micro-batch of these messages as ingest makes it at this time."""
    name = f"{place.cluster}-{first}-{len(values)}"
    read = DECODER.decode(batch(values, first_offset=first), now=now, batch_id=name)
    return MicroBatch(name, read.events, read.dead_letters, {place: Advance(first or None, first + len(values))})


def readmitted(url: str, *, now: datetime = NOW + 9 * HOUR, which: Which | None = None) -> Readmission:
    """Re-admit as a process of its own would."""
    return Readmitter(open_lake(url), DECODER, lambda: now).run(which or Which())


def offsets(rows: pl.DataFrame) -> list[int]:
    return sorted(rows["offset"].to_list())


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A lake with an event (0), four letters from the future (1-4) and two that are no JSON (5, 6)."""
    url = str(tmp_path / "lake")
    values = [message(0), *(message(number, NOW + HOUR) for number in range(1, 5)), b"{", b"["]
    open_lake(url).append(decoded(values))
    return url


def test_letters_become_events_in_their_old_places(url: str) -> None:
    """What is accepted now is an event with its topic, partition, offset and times; what is not stays a letter."""
    result = readmitted(url)

    assert (result.readmitted, result.present, dict(result.refused)) == (4, 0, {"invalid_json": 2})
    letters = read_dead_letters(url).filter(pl.col("offset").is_between(1, 4)).sort("offset")
    events = read_events(url).filter(pl.col("readmitted_from").is_not_null()).sort("offset")
    place = ["topic", "partition", "offset"]
    assert events.select(place).equals(letters.select(place))
    assert events["readmitted_from"].to_list() == letters["batch_id"].to_list()
    assert set(events["event_time"]) == {NOW + HOUR}
    assert set(events["ingested_at"]) == {NOW + 9 * HOUR}
    assert offsets(read_events(url)) == [0, 1, 2, 3, 4]
    assert offsets(waiting_letters(open_lake(url)).collect()) == [5, 6]


def test_kafkas_time_counts_as_it_did(tmp_path: Path) -> None:
    """An event that only Kafka dates has Kafka's time of then, to the millisecond, and the identity of then."""
    url = str(tmp_path / "lake")
    values = [completed(), completed()[:-1] + b","]
    open_lake(url).append(decoded(values, now=datetime(2025, 10, 24, tzinfo=UTC)))
    readmitted(url)

    direct = decoded(values).events
    same = ["event_id", "event_time", "time_source", "offset"]
    assert read_events(url).select(same).equals(direct.select(same))


def test_commit_tells_its_hours(url: str) -> None:
    """A re-admission is a change like any other: it names its micro-batch, whose name its rows have, and its hours."""
    readmitted(url)
    (change,) = open_lake(url).changes_since(1) or []
    rows = read_events(url).filter(pl.col("batch_id") == change.batch_id)
    assert change.hours == ((NOW + HOUR).replace(minute=0),)
    assert offsets(rows) == [1, 2, 3, 4]


def test_again_changes_nothing(url: str) -> None:
    """A second re-admission finds only what is still refused, and commits nothing."""
    readmitted(url)
    version = open_lake(url).version
    assert readmitted(url) == Readmission(0, 0, readmitted(url).refused)
    assert open_lake(url).version == version


def test_dry_run_writes_nothing(url: str) -> None:
    """A dry run counts what would come in, and leaves the lake as it is."""
    lake = open_lake(url)
    result = Readmitter(lake, DECODER, lambda: NOW + 9 * HOUR).run(dry_run=True)
    assert (result.readmitted, result.refused.total()) == (4, 2)
    assert (open_lake(url).version, list(read_events(url).columns)) == (1, EVENTS.names())


def test_only_those_asked_for(url: str) -> None:
    """Letters of another reason, topic or day are not read again."""
    day = timedelta(days=1)
    for nothing in (
        Which(reason=Reason.EMPTY),
        Which(topic="other"),
        Which(since=NOW + day),
        Which(until=NOW),
    ):
        assert readmitted(url, which=nothing) == Readmission()
    asked = Which(Reason.FUTURE_TIME, PLACE.topic, NOW, NOW + day)
    assert (readmitted(url, which=asked).readmitted, readmitted(url).refused.total()) == (4, 2)


def test_wider_limits_let_in(url: str) -> None:
    """The limits of now decide, as the clock does."""
    lenient = Decoder(topics_of(ENVIRONMENT), Limits(max_ahead=2 * HOUR))
    assert Readmitter(open_lake(url), lenient, lambda: NOW).run().readmitted == 4


def test_positions_of_two_clusters_are_two_letters(url: str) -> None:
    """A new cluster counts from 0 again: letters in the same place are re-admitted both, in a micro-batch each."""
    other = PLACE._replace(cluster="another")
    open_lake(url).append(decoded([message(10 + number, NOW + HOUR) for number in range(4)], place=other))

    assert readmitted(url).readmitted == 8
    events = read_events(url)
    assert offsets(events) == [0, 0, 1, 1, 2, 2, 3, 3, 4]
    assert events["event_id"].n_unique() == 9
    assert events.group_by("batch_id", "topic", "partition", "offset").len()["len"].max() == 1


def test_promoted_columns_are_filled(url: str) -> None:
    """A letter that becomes an event after a promotion has the column, too."""
    lake = open_lake(url)
    lake.append(decoded([message(7, NOW + HOUR)[:-1] + b',"team":"core"}'], first=7))
    lake.add_column("team", pl.String())
    readmitted(url)
    assert read_events(url).filter(pl.col("offset") == 7)["team"].to_list() == ["core"]


def test_many_letters_come_in_several_commits(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few are committed at once, all come in, and each commit goes on from the one before."""
    monkeypatch.setattr(readmit, "_MOST_LETTERS", 1)
    monkeypatch.setattr(readmit, "_PIECE", 1)
    assert readmitted(url).readmitted == 4
    assert offsets(read_events(url)) == [0, 1, 2, 3, 4]
    assert open_lake(url).next_offset(READMISSIONS) == 4


class Died(Exception):
    """Stands for kill -9."""


@dataclass
class Dying:
    """Dies before or after the n-th time that it writes."""

    step: int
    after: bool
    _done: int = field(default=0)

    def wrap(self, write: Callable[..., object]) -> Callable[..., object]:
        """Return the same function, but for the death."""

        def written(*arguments: object) -> object:
            self._done += 1
            if self._done == self.step and not self.after:
                raise Died
            result = write(*arguments)
            if self._done == self.step:
                raise Died
            return result

        return written


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(1, 6))
def test_death_at_any_step_leaves_each_once(url: str, monkeypatch: pytest.MonkeyPatch, step: int, after: bool) -> None:
    """Whoever dies before or after any write, the next re-admission brings in what is missing and nothing twice."""
    monkeypatch.setattr(readmit, "_MOST_LETTERS", 1)
    monkeypatch.setattr(readmit, "_PIECE", 1)
    dying = Dying(step, after)
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "add_column", dying.wrap(Lake.add_column))
        patch.setattr(Lake, "append", dying.wrap(Lake.append))
        with pytest.raises(Died):
            readmitted(url)
    before = read_events(url).height

    assert readmitted(url).readmitted == 5 - before
    assert offsets(read_events(url)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("step", range(1, 6))
def test_two_at_once_bring_in_each_once(url: str, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Two re-admissions, the second of which runs as a whole just before any write of the first, take each once."""
    monkeypatch.setattr(readmit, "_MOST_LETTERS", 1)
    monkeypatch.setattr(readmit, "_PIECE", 1)
    results: list[Readmission] = []

    def race(write: Callable[..., object]) -> Callable[..., object]:
        def written(*arguments: object) -> object:
            counted.append(None)
            if len(counted) == step:
                results.append(readmitted(url))
            return write(*arguments)

        return written

    counted: list[None] = []
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "add_column", race(Lake.add_column))
        patch.setattr(Lake, "append", race(Lake.append))
        results.append(readmitted(url))

    assert offsets(read_events(url)) == [0, 1, 2, 3, 4]
    assert sum(result.readmitted for result in results) == 4
    assert {result.refused["invalid_json"] for result in results} == {2}


def test_another_that_comes_in_while_letters_are_read_wins(url: str) -> None:
    """A re-admission that runs as a whole between another's reading and its commit makes that one look again."""
    # With the column there, no other change of the table stands in their way.
    open_lake(url).add_column(READMITTED_FROM, pl.String())
    others: list[Readmission] = []

    def clock() -> datetime:
        if not others:
            others.append(Readmission())
            others.append(readmitted(url))
        return NOW + 9 * HOUR

    result = Readmitter(open_lake(url), DECODER, clock).run()
    assert (others[1].readmitted, result.readmitted, result.present) == (4, 0, 0)
    assert offsets(read_events(url)) == [0, 1, 2, 3, 4]


def test_ingest_goes_on_beside_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A micro-batch of ingest that is committed in between disturbs nobody."""
    ingest, append = open_lake(url), Lake.append

    def beside(lake: Lake, micro_batch: MicroBatch) -> object:
        if lake is not ingest:
            ingest.refresh()
            ingest.append(decoded([message(7)], first=7))
        return append(lake, micro_batch)

    monkeypatch.setattr(Lake, "append", beside)
    assert readmitted(url).readmitted == 4
    assert offsets(read_events(url)) == [0, 1, 2, 3, 4, 7]


def test_message_that_crashed_ingest_reads_again_is_no_second_event(url: str) -> None:
    """Ingest dies after its dead letters; they are re-admitted; then ingest reads their messages as events."""
    values = [message(7, NOW + HOUR), message(8)]
    open_lake(url)._append_dead_letters(decoded(values, first=7))
    readmitted(url)

    again = open_lake(url)
    again.append(decoded(values, first=7, now=NOW + 9 * HOUR))

    assert offsets(read_events(url)) == [0, 1, 2, 3, 4, 7, 8]
    assert again.next_offset(PLACE) == 9


def test_smaller_batches_after_a_crash_are_watched_to_the_end(url: str) -> None:
    """What crashed ingest reads again may come in several commits: none of them doubles what was re-admitted."""
    values = [message(number, NOW + HOUR) for number in range(7, 10)]
    open_lake(url)._append_dead_letters(decoded(values, first=7))
    readmitted(url)

    again = open_lake(url)
    for place, one in enumerate(values):
        again.append(decoded([one], first=7 + place, now=NOW + 9 * HOUR))
    assert offsets(read_events(url)) == [0, 1, 2, 3, 4, 7, 8, 9]


def test_message_that_is_an_event_by_now_is_left_a_letter(url: str) -> None:
    """Ingest dies after its dead letters and reads their messages as events; then the letter is nothing new."""
    values = [message(7, NOW + HOUR), message(8)]
    open_lake(url)._append_dead_letters(decoded(values, first=7))
    open_lake(url).append(decoded(values, first=7, now=NOW + 9 * HOUR))

    result = readmitted(url)
    assert (result.readmitted, result.present) == (4, 1)
    assert offsets(read_events(url)) == [0, 1, 2, 3, 4, 7, 8]


def test_message_that_turns_into_a_letter_is_not_lost(url: str) -> None:
    """Ingest dies after its dead letters, and refuses an event of theirs when it reads again: that is kept, too."""
    values = [message(7, NOW + HOUR), message(8, NOW + 2 * HOUR), message(9, NOW + 3 * HOUR)]
    open_lake(url)._append_dead_letters(decoded(values, first=7, now=NOW + 2 * HOUR))
    open_lake(url).append(decoded(values, first=7))
    assert offsets(read_dead_letters(url)) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert offsets(read_events(url)) == [0]


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_any_history_keeps_every_message_once(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Ingest and re-admission, by clocks that go to and fro, dying anywhere: each message is there once."""
    url = str(tmp_path_factory.mktemp("lake"))
    hours = data.draw(st.lists(st.sampled_from([-1, 1, 2, 3, None]), min_size=1, max_size=8), label="hours; None: bad")
    values = [b"{" if hour is None else message(place, NOW + hour * HOUR) for place, hour in enumerate(hours)]
    lake = open_lake(url)
    for step in data.draw(st.lists(st.sampled_from(_STEPS), max_size=8), label="steps"):
        now = NOW + data.draw(st.integers(0, 3), label="clock") * HOUR
        first = lake.next_offset(PLACE) or 0
        if step.startswith("readmit"):
            _readmit(url, step, now)
            lake = open_lake(url)
        elif first < len(values):
            size = data.draw(st.integers(1, len(values) - first), label="size")
            lake = _ingest(lake, decoded(values[first : first + size], first, now=now), dies=step != "ingest")
    late = NOW + 9 * HOUR
    while (first := lake.next_offset(PLACE) or 0) < len(values):
        lake = _ingest(lake, decoded(values[first:], first, now=late), dies=False)
    readmitted(url)

    letters = offsets(read_dead_letters(url))
    assert offsets(read_events(url)) == [place for place, hour in enumerate(hours) if hour is not None]
    assert [place for place in letters if hours[place] is None] == [p for p, hour in enumerate(hours) if hour is None]
    assert len(set(letters)) == len(letters)


_STEPS = ["ingest", "ingest, die between", "readmit", "readmit, die before", "readmit, die after"]


def _ingest(lake: Lake, micro_batch: MicroBatch, *, dies: bool) -> Lake:
    if not dies:
        lake.append(micro_batch)
        return lake
    lake._append_dead_letters(micro_batch)
    return open_lake(lake.url)


def _readmit(url: str, step: str, now: datetime) -> None:
    dying = Dying(1 if step != "readmit" else 99, after=step.endswith("after"))
    lake = open_lake(url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lake, "append", dying.wrap(Lake.append))
        with suppress(Died):
            Readmitter(lake, DECODER, lambda: now).run()


def test_every_letter_can_be_told_apart(url: str) -> None:
    """What tells letters apart tells the events apart that they became."""
    other = PLACE._replace(cluster="another")
    open_lake(url).append(replace(decoded([message(9, NOW + HOUR)], place=other)))
    readmitted(url)
    events = read_events(url).filter(pl.col("readmitted_from").is_not_null())
    assert events.select("readmitted_from", "topic", "partition", "offset").is_duplicated().sum() == 0


def test_kind_that_is_unknown_is_refused_by_type_and_by_topic(tmp_path: Path) -> None:
    """An event_type nobody knows, and a topic that is not ours, both end as letters named `unknown_kind`."""
    messages = batch([completed(event_type="NODE_GENERATION_PAUSED"), completed()], kind=EventKind.COMPLETED)
    messages.topics[1] = "test.omninode-bridge.codegen.generation-paused.v1"
    read = DECODER.decode(messages, now=NOW, batch_id="b")
    lake = open_lake(str(tmp_path / "lake"))
    lake.append(MicroBatch("b", read.events, read.dead_letters, {PLACE: Advance(None, 2)}))

    letters = waiting_letters(lake).collect().sort("offset")
    assert letters.select("offset", "reason").rows() == [(0, "unknown_kind"), (1, "unknown_kind")]
    assert "NODE_GENERATION_PAUSED" in letters["detail"][0]
    assert "topic" in letters["detail"][1]
