"""The frames between events and the lifecycle tables."""

import polars as pl

from ingest.schema import TIMESTAMP

#: One row per transition that events tell. The columns stand in the order in which Postgres takes them.
TRANSITIONS = pl.Schema(
    {
        "transition_id": pl.String(),
        "workflow_id": pl.String(),
        "from_state": pl.String(),
        "to_state": pl.String(),
        "event": pl.String(),
        "transition_timestamp": TIMESTAMP,
        "reason": pl.String(),  # why it is refused, or what implied it; null: an event says so itself
        "metadata": pl.String(),  # JSON: the event behind it
        "accepted": pl.Boolean(),
        "conflict": pl.Boolean(),
        "attempt": pl.Int32(),
        "transition_number": pl.Int32(),  # null: refused
        "from_state_seconds": pl.Float64(),  # null: refused
        "correlation_id": pl.String(),  # null where no event of the workflow said
    }
)

#: One row per workflow, as its last accepted transition left it.
WORKFLOWS = pl.Schema(
    {
        "workflow_id": pl.String(),
        "current_state": pl.String(),
        "previous_state": pl.String(),  # null: it has never moved
        "state_entry_time": TIMESTAMP,
        "transition_count": pl.Int32(),
        "metadata": pl.String(),  # JSON: node_type and domain, null where no event said
        "attempt": pl.Int32(),
        "correlation_id": pl.String(),
        "is_terminal": pl.Boolean(),
        "created_at": TIMESTAMP,
        "event_digest": pl.Int64(),  # the same as long as the events say the same
    }
)

#: One row per correlation id that an event of a workflow had.
CORRELATIONS = pl.Schema({"workflow_id": pl.String(), "correlation_id": pl.String()})
#: Longer ones are cut, as a caller's would be refused.
MAX_CORRELATION_ID = 255
