"""Read dead letters again, after a fix, and bring into the lake as events those that are accepted now.

Exactly once, by one commit: the events, which letters they were (`readmitted_from` and their positions) and how many
letters were re-admitted so far stand in it together. That number is kept like the offset of a partition, so the log
lets only one of two commits through that continue from the same number. See docs/decisions/0006-readmission.md.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from ingest.added_columns import READMITTED_FROM
from ingest.dead_letters import ANY, Which, waiting_letters
from ingest.decode import Decoder
from ingest.errors import Fenced, LakeFailure
from ingest.lake import Lake
from ingest.messages import Messages
from ingest.micro_batch import READMISSIONS, Advance, MicroBatch
from ingest.readmitted import LETTER_KEY, READMITTED_BATCH
from ingest.recovery import events_not_in
from ingest.schema import DEAD_LETTERS, POSITION

#: Letters that are read and committed at once, and their bytes.
_MOST_LETTERS = 10_000
_MOST_BYTES = 64 * 1024 * 1024
_PIECE = 500
#: How often somebody else may be first.
_TRIES = 100


@dataclass(slots=True)
class Readmission:
    """What became of the letters that were waiting."""

    #: Events by now; in a dry run, those that would be.
    readmitted: int = 0
    #: Their messages came in another way, after a crash of ingest: the events are there, and nothing is to be done.
    present: int = 0
    #: By the reason that is given now, which may be another than before.
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Readmitter:
    """Re-admits the dead letters of one lake by what the decoder accepts now."""

    lake: Lake
    decoder: Decoder
    clock: Callable[[], datetime]

    def run(self, which: Which = ANY, *, dry_run: bool = False) -> Readmission:
        """Re-admit what is accepted now; what is still refused stays as it is. Raises `LakeFailure`."""
        result, tries = Readmission(), 0
        while tries < _TRIES:
            result.present, result.refused = 0, Counter()
            try:
                if self._pass(which, result, dry_run=dry_run):
                    return result
            except Fenced:  # somebody else re-admits, too: what he took is not waiting any more
                tries += 1
        raise LakeFailure(f"lake {self.lake.url}: others kept changing it meanwhile; replay the dead letters again")

    def _pass(self, which: Which, result: Readmission, *, dry_run: bool) -> bool:
        """Go through the waiting letters once; False if some are still to be looked at. Raises `Fenced`."""
        self.lake.refresh()
        # First the number, then what it counts: should the lake move on between the two, the commit is refused.
        before = self.lake.next_offset(READMISSIONS)
        put_off = 0
        for letters in _chunks(waiting_letters(self.lake, which)):
            batch_id = f"{READMITTED_BATCH}{before or 0:012}"
            events = self._read_again(letters, batch_id, result)
            if dry_run or events.is_empty():
                result.readmitted += events.height
                continue
            # A micro-batch holds no position twice, but letters of two clusters may have the same.
            distinct = events.unique(list(POSITION), keep="first", maintain_order=True)
            before = self._commit(batch_id, distinct, before)
            result.readmitted += distinct.height
            put_off += events.height - distinct.height
        return put_off == 0

    def _read_again(self, letters: pl.DataFrame, batch_id: str, result: Readmission) -> pl.DataFrame:
        """Return the letters that are events now, in their old places; count the others."""
        # In place of its offset each message has its number, since positions may repeat.
        decoded = self.decoder.decode(_messages(letters), now=self.clock(), batch_id=batch_id)
        origins = letters[decoded.events["offset"]].select(*POSITION, pl.col("batch_id").alias(READMITTED_FROM))
        accepted = decoded.events.with_columns(origins)
        new = events_not_in(accepted, self.lake.read().events)
        result.present += accepted.height - new.height
        result.refused.update(decoded.dead_letters["reason"].to_list())
        return new

    def _commit(self, batch_id: str, events: pl.DataFrame, before: int | None) -> int:
        """Append the events; return how many letters were re-admitted by then."""
        if READMITTED_FROM not in self.lake.added_columns:
            self.lake.add_column(READMITTED_FROM, pl.String())
        after = (before or 0) + events.height
        advances = {READMISSIONS: Advance(before, after)}
        self.lake.append(MicroBatch(batch_id, events, pl.DataFrame(schema=DEAD_LETTERS), advances))
        return after


def _chunks(letters: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """Read the letters piece by piece: there may be many, and each may be as large as a message may be."""
    needed = letters.select(*LETTER_KEY, "kafka_time", "value")
    pieces: list[pl.DataFrame] = []
    for piece in needed.collect_batches(chunk_size=_PIECE, maintain_order=True):
        pieces.append(piece)
        if sum(known.height for known in pieces) >= _MOST_LETTERS or sum(map(_size, pieces)) >= _MOST_BYTES:
            yield pl.concat(pieces)
            pieces = []
    if pieces:
        yield pl.concat(pieces)


def _size(letters: pl.DataFrame) -> int:
    return int(letters["value"].bin.size().sum())


def _messages(letters: pl.DataFrame) -> Messages:
    return Messages(
        topics=letters["topic"].to_list(),
        partitions=letters["partition"].to_list(),
        offsets=list(range(letters.height)),
        timestamps_ms=letters["kafka_time"].dt.epoch("ms").to_list(),
        values=letters["value"].to_list(),
    )
