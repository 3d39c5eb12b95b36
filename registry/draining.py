"""Brings a spool into the database."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from registry.spool import Spool
from sql.errors import CannotConnect, ConnectionLost, DatabaseError, NotAllowed, NotMigrated
from sql.node_rows import HealthReport, Written
from sql.spooled_changes import SpooledChange, SpooledChanges

#: So many changes go into one transaction; all of a node's go into the same.
_CHUNK = 1_000

#: These say nothing of a change itself: it waits.
NOT_NOW = (CannotConnect, ConnectionLost, NotMigrated, NotAllowed)


def drain(spool: Spool, database: SpooledChanges) -> list[Written]:
    """Make the changes that wait, each node's in their order, and return what each of them made of its node.

    Raises an error of `NOT_NOW` if they have to wait on. If it dies on the way, what had arrived is not made again.
    """
    written: list[Written] = []
    with spool.emptied() as changes:
        for chunk in _chunks(_without_repeats(changes)):
            written += _apply(spool, database, chunk)
    return written


def _apply(spool: Spool, database: SpooledChanges, chunk: Sequence[SpooledChange]) -> list[Written]:
    try:
        return database.apply(chunk)
    except NOT_NOW:
        raise
    except DatabaseError as error:
        nodes = {change.node_id for change in chunk}
        if len(nodes) == 1:
            spool.refuse(chunk, str(error))
            return []
    parts = (_of_node(chunk, node_id) for node_id in sorted(nodes))
    return [written for part in parts for written in _apply(spool, database, part)]


def _of_node(changes: Sequence[SpooledChange], node_id: str) -> list[SpooledChange]:
    return [change for change in changes if change.node_id == node_id]


def _without_repeats(changes: Sequence[SpooledChange]) -> list[SpooledChange]:
    """Of a node's heartbeats in a row only the last counts; the changes come back node by node."""
    kept: list[SpooledChange] = []
    for change in sorted(changes, key=lambda change: change.node_id):
        last = kept[-1] if kept else None
        if last is not None and last.node_id == change.node_id and _both_reports(last, change):
            kept.pop()
        kept.append(change)
    return kept


def _both_reports(one: SpooledChange, other: SpooledChange) -> bool:
    return isinstance(one.change, HealthReport) and isinstance(other.change, HealthReport)


def _chunks(changes: Sequence[SpooledChange]) -> Iterator[list[SpooledChange]]:
    chunk: list[SpooledChange] = []
    for _, of_node in groupby(changes, key=lambda change: change.node_id):
        chunk += of_node
        if len(chunk) >= _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


__all__ = ["NOT_NOW", "drain"]
