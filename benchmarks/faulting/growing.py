"""Run on a disk that is too small, and let it grow by half each time the run says that it is full.

    python -m benchmarks.faulting.growing DISK ARGUMENT...

Ends with 0 where every failure was told as a full disk (75, one line), at least one was met, and the run ended well.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FIRST_KB, LAST_KB = 256, 64 << 10


def main() -> int:
    """Grow and call again."""
    from benchmarks.faulting.calls import called
    from flows.verify import exit_code, verify

    disk, arguments = Path(sys.argv[1]), sys.argv[2:]
    os.environ["AFFECTED_KEYS"] = str(disk / "keys")
    size, full = FIRST_KB, 0
    while size < LAST_KB:
        subprocess.run(["mount", "-o", f"remount,size={size}k", str(disk)], check=True)
        ended = called(arguments)
        if ended.code == 0:
            print(f"full {full} times", file=sys.stderr)
            return exit_code(verify(disk / "ws")) if full else 1
        if not ended.told_plainly() or ended.code != 75:
            print(f"at {size} kB ended with {ended.code}: {ended.said}", file=sys.stderr)
            return 2
        full += 1
        size += size // 4
    return 3


if __name__ == "__main__":
    sys.exit(main())
