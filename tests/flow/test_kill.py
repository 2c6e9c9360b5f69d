"""A run that is killed and run again gives what an undisturbed run gives.

A sample of the moments; `python -m benchmarks.kills` tries three of every step.
"""

from __future__ import annotations

from benchmarks.kills import kill_each


def test_killed_and_run_again_gives_equal_tables() -> None:
    result = kill_each(300, ["link"])
    assert result["kills"] == 3
    assert result["different"] == []
    assert result["exit_code"] == 0, result["verify"]
