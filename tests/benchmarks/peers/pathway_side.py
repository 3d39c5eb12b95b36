"""Kafka to files with Pathway: `pathway_side.py JOB`, run in the folder to write to by the python that has Pathway.

JOB is what peers/program.py says, with the sink: "jsonlines" or "null". The last line printed is
{"seconds": ..., "rss_mb": ...}. Messages are read as JSON into the typed columns of each kind, all in Pathway's Rust.
"""

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import pathway as pw

_SHARED = {"event_type": str, "workflow_id": str, "timestamp": str}
#: What each kind has beside those.
_FIELDS: dict[str, dict[str, type]] = {
    "started": {"node_type": str, "domain": str},
    "stage_completed": {
        "stage_name": str,
        "stage_number": int,
        "duration_ms": int,
        "success": bool,
        "tokens_consumed": int,
        "cost_usd": float,
    },
    "completed": {
        "node_type": str,
        "domain": str,
        "total_duration_seconds": float,
        "quality_score": float,
        "total_tokens": int,
        "total_cost_usd": float,
    },
    "failed": {"node_type": str, "failed_stage": str, "error_message": str},
}


def main(job: dict[str, Any]) -> None:
    """Build the graph, then time how long it runs."""
    settings = {
        "bootstrap.servers": job["servers"],
        "group.id": job["group"],
        "auto.offset.reset": "earliest",
        # As for all sides: no pause of a second whenever the queue has been full.
        "fetch.queue.backoff.ms": "10",
    }
    for kind, topic in job["topics"].items():
        schema = pw.schema_from_types(**_SHARED, **_FIELDS[kind])
        table = pw.io.kafka.read(settings, topic=topic, schema=schema, format="json", mode="static")
        if job["sink"] == "null":
            pw.io.null.write(table)
        else:
            pw.io.jsonlines.write(table, f"{kind}.jsonl")
    began = perf_counter()
    pw.run(monitoring_level=pw.MonitoringLevel.NONE, default_logging=False)
    print(json.dumps({"seconds": perf_counter() - began, "rss_mb": _peak_rss_mb()}))


def _peak_rss_mb() -> float:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024


main(json.loads(sys.argv[1]))
