"""The decoder against its reference, on far more messages and worse ones than the property tests have time for."""

import subprocess
import sys

from tests.command import ROOT
from tests.fuzz.mutations import BYTE_MUTATIONS, FIELD_MUTATIONS, WILD_MUTATIONS
from tests.fuzz.run import check_shares, fuzz

SEED = 20_251_201
MESSAGES = 60_000


def test_decoder_reads_like_the_reference() -> None:
    """Of clean, spoiled and damaged messages each gets the reference's row; most of the clean ones the quick way."""
    tally = fuzz(SEED, MESSAGES)

    print("\n".join(tally.lines()))
    assert tally.messages.total() == MESSAGES
    assert len(tally.refused) >= 8, "nearly every reason to refuse a message must have come up"
    check_shares(tally)


def test_hard_cases_neither_differ_nor_crash() -> None:
    """The worst messages known, alone and among clean ones, are read like the reference and end no process."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.hard_cases"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    last = "\n".join([*child.stdout.splitlines()[-6:], *child.stderr.splitlines()[-3:]])
    assert child.returncode == 0, f"exit code {child.returncode} at: {last}"


def test_tables_of_mutations_name_each_once() -> None:
    """No mutation of one table hides that of another, and there are no two names for the same."""
    tables = (FIELD_MUTATIONS, WILD_MUTATIONS, BYTE_MUTATIONS)
    functions = [function for table in tables for function in table.values()]
    names = [name for table in tables for name in table]
    assert len(set(names)) == len(names)
    assert len(set(functions)) == len(functions)
