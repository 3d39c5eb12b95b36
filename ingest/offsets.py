"""The offsets that a Delta table keeps, remembered: to look one up goes through the log since its last checkpoint."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from deltalake import DeltaTable

from ingest.partition_id import PartitionId


@dataclass(slots=True)
class KeptOffsets:
    """What a table object says of its partitions' offsets, as long as it stays at the same version."""

    table: DeltaTable
    _version: int = field(init=False, default=-1)
    _known: dict[PartitionId, int | None] = field(init=False, default_factory=dict)

    def next_offset(self, place: PartitionId) -> int | None:
        """Return the offset to read next in this partition; None if the table has none."""
        version = self.table.version()
        if version != self._version:
            self._known, self._version = {}, version
        if place not in self._known:
            self._known[place] = self.table.transaction_version(place.app_id)
        return self._known[place]

    def note(self, next_offsets: Mapping[PartitionId, int], *, after: int) -> None:
        """Remember what a commit of our own has set. after: the table's version before it."""
        # Any other version has something of another writer in it, too.
        if self._version == after and self.table.version() == after + 1:
            self._known |= next_offsets
            self._version = after + 1
