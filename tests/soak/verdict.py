"""What it comes to: is every message that was published in the lake, and once?"""

import polars as pl

from tests.lakes import read_dead_letters, read_events
from tests.published import Published

_PLACE = ["topic", "partition", "offset"]


def nothing_lost_nothing_doubled(published: Published, lake: str) -> str:
    """Compare where Kafka put the messages with what the lake says it read, then what it made of them."""
    held = pl.concat([read_events(lake).select(_PLACE), read_dead_letters(lake).select(_PLACE)])
    counts = held.group_by(_PLACE).len()
    sent = pl.DataFrame(list(published.values), schema=held.schema, orient="row")
    lost = sent.join(counts, on=_PLACE, how="anti").height
    doubled = counts.filter(pl.col("len") > 1).height
    foreign = counts.join(sent, on=_PLACE, how="anti").height
    told = (
        f"{sent.height:,} published: {lost:,} lost, {doubled:,} doubled, {foreign:,} in the lake that nobody published"
    )
    assert lost == doubled == foreign == 0, told
    published.assert_in_lake(lake)
    return told
