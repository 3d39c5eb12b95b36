"""What the server alone needs for transitions of many clients at once: the least that moves one, by `pgbench`."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from sql.connection import connect
from sql.embedded_place import wheel_programs
from tests.benchmarks.harness import NotMeasured, percentile

#: No rules, no keys, no attempts: the least that moves a workflow and keeps that it moved.
BARE = """
WITH moved AS (
    UPDATE workflow_state_current
    SET current_state = 'ANALYZING', previous_state = current_state, state_entry_time = now(),
        transition_count = transition_count + 1
    WHERE workflow_id = {workflow_id} AND current_state = 'PENDING'
    RETURNING workflow_id, previous_state
)
INSERT INTO workflow_state_history (transition_id, workflow_id, from_state, to_state, event, transition_timestamp)
SELECT {transition_id}, workflow_id, previous_state, 'ANALYZING', 'START_ANALYSIS', now() FROM moved
"""
_WORKFLOW = "md5({round} || '/' || {client} || '/' || {number})::UUID"
_BEGIN = f"""
INSERT INTO workflow_state_current (workflow_id, current_state, state_entry_time, transition_count, metadata)
SELECT {_WORKFLOW.format(round="%s", client="client", number="number")}, 'PENDING', now(), 0, '{{}}'
FROM generate_series(0, %s) AS c (client), generate_series(1, %s) AS n (number)
"""
_MADE = "SELECT count(*) FROM workflow_state_history"


class Bare(NamedTuple):
    """What pgbench measured."""

    p50_ms: float
    p99_ms: float


def bare_transitions(url: str, folder: Path, *, number: int, clients: int, each: int) -> Bare:
    """Let so many clients make a transition after the other, each durable. `number` tells the rounds apart."""
    with connect(url) as connection:
        connection.execute(_BEGIN, (str(number), clients - 1, each))
        before = connection.execute(_MADE).fetchone()
        taken = _pgbench(url, folder, number, clients, each)
        after = connection.execute(_MADE).fetchone()
    if before is None or after is None or after[0] - before[0] != clients * each or len(taken) != clients * each:
        raise NotMeasured("pgbench did not make every transition")
    return Bare(percentile(taken, 0.5), percentile(taken, 0.99))


def _pgbench(url: str, folder: Path, number: int, clients: int, each: int) -> list[float]:
    """Return the milliseconds of every transaction."""
    log, script = folder / f"pgbench-{number}", folder / "bare.sql"
    workflow_id = _WORKFLOW.format(round=":round", client=":client_id", number=":n")
    script.write_text(
        "\\set n :n + 1\n" + BARE.format(workflow_id=workflow_id, transition_id="gen_random_uuid()") + ";\n"
    )
    options = ["--no-vacuum", "--protocol=prepared", "--jobs=2", f"--client={clients}", f"--transactions={each}"]
    names = [f"--define=round={number}", "--define=n=0", f"--file={script}", "--log", f"--log-prefix={log}"]
    done = subprocess.run(
        [wheel_programs() / "pgbench", *options, *names, url], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NotMeasured(f"pgbench failed: {done.stderr.strip()}")
    lines = [line for part in folder.glob(f"{log.name}.*") for line in part.read_text().splitlines()]
    return [int(line.split()[2]) / 1000 for line in lines]


__all__ = ["BARE", "Bare", "bare_transitions"]
