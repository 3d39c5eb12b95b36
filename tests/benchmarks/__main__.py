"""`python -m tests.benchmarks [ONLY]`: measure, print a table, and write `.bench/latest.json`.

ONLY is the beginning of a benchmark's name. A goal that is missed is reported, and is no failure.
"""

import signal
import sys
from time import monotonic

from omninode.errors import BadInput, OmninodeError
from tests.benchmarks import latest
from tests.benchmarks.backfill_vs_bare import BACKFILL_VS_BARE
from tests.benchmarks.bulk_transitions import BULK_TRANSITIONS
from tests.benchmarks.freshness import FRESHNESS_P50, FRESHNESS_P95
from tests.benchmarks.harness import Benchmark, run
from tests.benchmarks.ingest_commit_p99 import INGEST_COMMIT_P99
from tests.benchmarks.ingest_rss import INGEST_RSS
from tests.benchmarks.ingest_vs_consume import INGEST_VS_CONSUME
from tests.benchmarks.ingest_vs_pathway import INGEST_VS_PATHWAY
from tests.benchmarks.ingest_vs_quix import INGEST_VS_QUIX
from tests.benchmarks.lookup_p99 import LOOKUP_P99
from tests.benchmarks.refresh_growth import REFRESH_GROWTH
from tests.benchmarks.register import BULK_REGISTER, REGISTER_P99, REGISTER_VS_CONSUL
from tests.benchmarks.replay_transitions import REPLAY_TRANSITIONS
from tests.benchmarks.search_freshness import INDEX_FILL_100K, SEARCHABLE_P99
from tests.benchmarks.search_p99 import SEARCH_1K_P99, SEARCH_1M_P99, SEARCH_100K_P99
from tests.benchmarks.search_vs import SEARCH_VS_DUCKDB, SEARCH_VS_POSTGRES, SEARCH_VS_SQLITE, SEARCH_VS_TANTIVY
from tests.benchmarks.stats_16 import STATS_16_VS_CHDB, STATS_16_VS_DUCKDB
from tests.benchmarks.stats_1000_events import STATS_100K_EVENTS, STATS_1000_EVENTS
from tests.benchmarks.table import print_table
from tests.benchmarks.transition_p99 import TRANSITION_P99
from tests.benchmarks.transition_vs_cte import TRANSITION_VS_CTE
from tests.benchmarks.upsert_vs_copy import UPSERT_INSERT_VS_COPY, UPSERT_UPDATE_VS_COPY

BENCHMARKS = (
    STATS_1000_EVENTS,
    STATS_100K_EVENTS,
    STATS_16_VS_CHDB,
    STATS_16_VS_DUCKDB,
    INGEST_VS_CONSUME,
    INGEST_VS_PATHWAY,
    INGEST_VS_QUIX,
    INGEST_COMMIT_P99,
    INGEST_RSS,
    REFRESH_GROWTH,
    FRESHNESS_P50,
    FRESHNESS_P95,
    UPSERT_INSERT_VS_COPY,
    UPSERT_UPDATE_VS_COPY,
    BACKFILL_VS_BARE,
    SEARCH_1K_P99,
    SEARCH_100K_P99,
    SEARCH_1M_P99,
    SEARCH_VS_POSTGRES,
    SEARCH_VS_SQLITE,
    SEARCH_VS_DUCKDB,
    SEARCH_VS_TANTIVY,
    SEARCHABLE_P99,
    INDEX_FILL_100K,
    TRANSITION_VS_CTE,
    TRANSITION_P99,
    LOOKUP_P99,
    BULK_TRANSITIONS,
    REPLAY_TRANSITIONS,
    REGISTER_VS_CONSUL,
    REGISTER_P99,
    BULK_REGISTER,
)


def main(arguments: list[str]) -> int:
    """Measure the benchmarks whose names begin with the argument; return the exit code."""
    try:
        chosen = _chosen(arguments)
    except BadInput as error:
        return _say(error)
    entries = [(benchmark, _measured(benchmark)) for benchmark in chosen]
    measured = [(benchmark, entry) for benchmark, entry in entries if entry is not None]
    print_table(measured, title=f"all, as written to {latest.FILE}")
    return 0 if len(measured) == len(chosen) else 1


def _measured(benchmark: Benchmark) -> latest.Entry | None:
    """Take a figure, write and print it; where that cannot be, say why, and let the others have their turn."""
    began = monotonic()
    try:
        entry = latest.entry(benchmark, run(benchmark))
    except OmninodeError as error:
        _say(error, benchmark.name)
        return None
    latest.record({benchmark.name: entry})
    print_table([(benchmark, entry)], title=f"measured in {monotonic() - began:.0f} s")
    return entry


def _say(error: OmninodeError, *names: str) -> int:
    sys.stderr.write(": ".join(["bench", *names, str(error)]) + "\n")
    return error.exit_code


def _chosen(arguments: list[str]) -> list[Benchmark]:
    only = arguments[0] if arguments else ""
    chosen = [benchmark for benchmark in BENCHMARKS if benchmark.name.startswith(only)]
    if not chosen or len(arguments) > 1:
        names = ", ".join(benchmark.name for benchmark in BENCHMARKS)
        raise BadInput(f"no benchmark begins with {' '.join(arguments)!r}; there are: {names}")
    return chosen


if __name__ == "__main__":
    # Whoever is asked to stop still ends its servers: leaving by an exception runs what `with` promises.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))
