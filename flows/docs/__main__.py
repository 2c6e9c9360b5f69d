"""`python -m flows.docs [--check] [--same-output WHY]`: write the reference pages, or check them."""

from __future__ import annotations

import argparse
import sys

from flows.docs import drifted, write_all
from flows.docs.sources import changed_steps, record_steps


def main() -> int:
    """0 when all is as declared (or now is), 1 when `--check` found a difference."""
    parser = argparse.ArgumentParser(prog="python -m flows.docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, list what differs")
    parser.add_argument(
        "--same-output",
        default="",
        metavar="WHY",
        help="a step's source changed, its output did not",
    )
    options = parser.parse_args()
    if options.check:
        problems = [
            f"{name}: differs from its declaration; run python -m flows.docs" for name in drifted()
        ]
        problems += changed_steps()
    else:
        sys.stdout.write("".join(f"{name}: written\n" for name in write_all()))
        problems = record_steps(same_output=options.same_output)
    sys.stdout.write("".join(f"{problem}\n" for problem in problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
