"""`python -m tests.fuzz SEED MESSAGES`: compare the decoder with the reference on messages made from a seed."""

import sys

from tests.fuzz.run import Disagreement, check_shares, fuzz


def main(arguments: list[str]) -> int:
    """Compare, and return the exit code."""
    seed, messages = map(int, arguments)
    print(f"seed {seed}, {messages:,} messages", flush=True)
    try:
        tally = fuzz(seed, messages)
    except Disagreement as error:
        print(error)
        return 1
    print("\n".join(tally.lines()))
    check_shares(tally)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
