"""Believable events for demonstrations, tests and benchmarks: the same arguments always give the same bytes.

world -> workflows (when and how each goes) -> events (in two dialects) -> delivery (late, twice, broken) -> stream.
"""

from ingest.synthetic.delivery import MAX_LATENESS
from ingest.synthetic.message import Kind, SyntheticMessage
from ingest.synthetic.stream import synthetic_messages

__all__ = ["MAX_LATENESS", "Kind", "SyntheticMessage", "synthetic_messages"]
