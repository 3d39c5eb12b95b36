"""Our search beside others over the same 100,000 nodes: common words, top ten of one node type, and their count.

The figure is theirs over ours in the median time of a search. Ours counts facets and marks what was found as well.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

from sql.connection import connect
from sql.embedded import embedded_postgres
from tests.benchmarks.harness import Benchmark, Result, interleaved, ratio_of_medians
from tests.benchmarks.search_peers import Fts5, PostgresFts, ask_peer, timed, write_nodes
from tests.benchmarks.search_sides import COMMON, ask_all, searching
from tests.search.nodes import many_nodes

_NODES = 100_000
_ROUNDS = 3

#: Returns the milliseconds of each search of one round.
Side = Callable[[], list[float]]


def measure(peer: str, folder: Path) -> Result:
    """Ask ours and the peer in turn."""
    file = folder / "nodes.jsonl"
    write_nodes(many_nodes(_NODES), file)
    took: dict[str, list[float]] = {"ours": [], peer: []}
    with searching(_NODES) as api, _side(peer, file, folder) as theirs:
        ask_all(api, COMMON)

        def round_of(name: str, ask: Side) -> float:
            ms = ask()
            took[name] += ms
            return median(ms)

        sides: dict[str, Side] = {"ours": lambda: ask_all(api, COMMON * 5), peer: theirs}
        interleaved({name: partial(round_of, name, ask) for name, ask in sides.items()}, rounds=_ROUNDS)
    detail = {f"{name}_p50_ms": round(median(ms), 2) for name, ms in took.items()}
    return Result(ratio_of_medians(took[peer], took["ours"]), {**detail, "nodes": _NODES, "rounds": _ROUNDS})


@contextmanager
def _side(peer: str, file: Path, folder: Path) -> Iterator[Side]:
    match peer:
        case "sqlite_fts5":
            fts5 = Fts5(file)
            yield lambda: timed(fts5, COMMON).ms
        case "postgres_fts":
            with embedded_postgres(folder / "postgres") as url, connect(url) as connection:
                postgres = PostgresFts(connection, file)
                yield lambda: timed(postgres, COMMON).ms
        case _:
            # The first questions warm it up; each round it builds its index anew.
            yield lambda: ask_peer(peer, file, COMMON * 3).ms[len(COMMON) :]


def _against(peer: str, goal: float) -> Benchmark:
    return Benchmark(f"search_vs_{peer}", "ratio", goal, "higher", partial(measure, peer))


SEARCH_VS_POSTGRES = _against("postgres_fts", 5)
SEARCH_VS_SQLITE = _against("sqlite_fts5", 5)
SEARCH_VS_DUCKDB = _against("duckdb_fts", 5)
SEARCH_VS_TANTIVY = _against("tantivy", 0.1)
