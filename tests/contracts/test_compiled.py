"""Compiled code is never older than what it was compiled from, in whatever file that stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("matching", "notify", "flows")
SOURCES = [p for package in PACKAGES for p in sorted((ROOT / package).rglob("*.py"))]

CALLED = "from matching.compiling import compiled\nSHIFT = {shift}\n\n@compiled\ndef add(x):\n    return x + {by}\n"
BETWEEN = "from matching.compiling import compiled\nfrom called import add\n\n@compiled\ndef twice(x):\n    return add(add(x))\n"
CALLER = (
    "from matching.compiling import compiled\nfrom called import SHIFT\nfrom between import twice\n\n"
    "@compiled\ndef result(x):\n    return twice(x) << SHIFT\n\nprint(result(1), result.stats.cache_hits.total())\n"
)


def run(folder: Path) -> tuple[int, ...]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}
    done = subprocess.run(
        [sys.executable, "-m", "caller"],
        cwd=folder, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return tuple(map(int, done.stdout.split()))


def test_a_change_two_files_away_is_compiled_again(tmp_path: Path) -> None:
    (tmp_path / "between.py").write_text(BETWEEN)
    (tmp_path / "caller.py").write_text(CALLER)
    (tmp_path / "called.py").write_text(CALLED.format(shift=0, by=1))
    assert (run(tmp_path), run(tmp_path)) == ((3, 0), (3, 1)), "the second time from disk"
    (tmp_path / "called.py").write_text(CALLED.format(shift=0, by=10))
    assert (run(tmp_path), run(tmp_path)) == ((21, 0), (21, 1)), "another callee"
    (tmp_path / "called.py").write_text(CALLED.format(shift=1, by=10))
    assert run(tmp_path) == (42, 0), "another constant"


def test_everything_compiled_is_compiled_so() -> None:
    compiled = [path for path in SOURCES if "\n@compiled" in path.read_text()]
    assert len(compiled) > 10
    others = [
        path for path in SOURCES if "njit" in path.read_text() and path.name != "compiling.py"
    ]
    assert others == []
