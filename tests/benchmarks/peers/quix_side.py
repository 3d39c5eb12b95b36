"""Kafka to Parquet files with Quix Streams: `quix_side.py JOB`, run in the folder to write to.

JOB is what peers/program.py says, with the number of messages. The last line printed is
{"seconds": ..., "rss_mb": ...}. The file sink keeps a batch for every partition, and writes them whenever the offsets
are committed. Values are decoded and not validated: a JSON schema for them would only make it slower.
"""

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from quixstreams import Application
from quixstreams.sinks.community.file.formats import ParquetFormat
from quixstreams.sinks.community.file.local import LocalFileSink


def main(job: dict[str, Any]) -> None:
    """Build the application, then time how long it runs, its last commit included."""
    application = Application(
        job["servers"],
        consumer_group=job["group"],
        auto_offset_reset="earliest",
        # As many rows a commit as ours has; with its default of 5 seconds a trial took longer.
        commit_every=50_000,
        auto_create_topics=False,
        loglevel="ERROR",
        # As for all sides: no pause of a second whenever the queue has been full.
        consumer_extra_config={"fetch.queue.backoff.ms": 10},
    )
    # It takes no hyphen in the path of a folder: hence a relative one.
    sink = LocalFileSink(directory="rows", format=ParquetFormat())
    for topic in job["topics"].values():
        application.dataframe(application.topic(topic, value_deserializer="json")).sink(sink)
    began = perf_counter()
    application.run(count=job["messages"], collect=False)
    print(json.dumps({"seconds": perf_counter() - began, "rss_mb": _peak_rss_mb()}))


def _peak_rss_mb() -> float:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024


main(json.loads(sys.argv[1]))
