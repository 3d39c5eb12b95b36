"""ClickHouse in process: `chdb_side.py JOB`, by the python that has chdb.

JOB is {"statements": [[sql, file], ...], "rounds": n}. Runs them all in each round, after one that is not counted, and
writes what the last round says to the files, as Parquet. Prints {"seconds": [...]}, one each round.
"""

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from chdb.session import Session


def main(job: dict[str, Any]) -> None:
    """Ask again and again."""
    session = Session()
    seconds = []
    for _ in range(1 + job["rounds"]):
        began = perf_counter()
        answers = [session.query(sql, "Parquet").bytes() for sql, _ in job["statements"]]
        seconds.append(perf_counter() - began)
    for (_, file), answer in zip(job["statements"], answers, strict=True):
        Path(file).write_bytes(answer)
    print(json.dumps({"seconds": seconds[1:]}))


main(json.loads(sys.argv[1]))
