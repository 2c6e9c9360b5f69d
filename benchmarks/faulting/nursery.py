"""Processes to be killed, begun in a moment: forks of one that has imported the libraries and started no thread.

In: calls of the program. Out: a `Child` with its process id; what it said lies in a file. Threads do not survive
a fork, so the parent of all imports libraries only; each child imports our modules for itself.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Child", "Nursery"]

ROOT = Path(__file__).parents[2]
LIBRARIES = (
    "numpy", "polars", "pyarrow", "pyarrow.parquet", "duckdb", "numba", "scipy.sparse.csgraph", "splink", "pandas",
    "altair", "jinja2", "pydantic", "typer", "psutil", "cryptography", "aiosmtplib", "orjson", "nicknames", "zipcodes",
    "sqlglot", "asyncio", "multiprocessing", "sqlite3", "xml.etree.ElementTree", "email",
)  # fmt: skip


@dataclass(slots=True)
class Child:
    """One process. `wait` gives its exit code, negative where a signal ended it."""

    nursery: Nursery
    pid: int
    said: Path

    @property
    def done(self) -> int:
        """Calls that ended well."""
        return self.said.with_suffix(".done").stat().st_size

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def wait(self, seconds: float) -> int | None:
        """The exit code; None where it still runs after that time."""
        ends = time.monotonic() + seconds
        while True:
            code = self.nursery.asked({"ended": self.pid})["code"]
            if code is not None or time.monotonic() > ends:
                return code
            time.sleep(0.01)


class Nursery:
    """Used with `with`. `begin` starts one child after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._begun = 0

    def __enter__(self) -> Nursery:
        command = [sys.executable, "-m", "benchmarks.faulting.nursery"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )  # fmt: skip
        self.asked({"ended": 0})
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def begin(self, calls: list[dict[str, Any]], **environment: str) -> Child:
        """Start a process that makes these calls in order, up to the first that fails.

        `Child.done` says how many it made.
        """
        self._begun += 1
        said = self._folder / f"said-{self._begun}.txt"
        said.with_suffix(".done").touch()
        asked = {"calls": calls, "said": str(said), "environment": environment}
        return Child(self, self.asked(asked)["pid"], said)

    def asked(self, what: dict[str, Any]) -> Any:
        """One question, one answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def serve() -> None:
    """Begin children as asked for on stdin, until it closes."""
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    ended: dict[int, int] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if "calls" in asked:
            answer = {"pid": _forked(asked)}
        else:
            answer = {"code": _ended(asked["ended"], ended)}
        print(json.dumps(answer), flush=True)


def _ended(pid: int, before: dict[int, int]) -> int | None:
    if pid and pid not in before:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            before[pid] = os.waitstatus_to_exitcode(status)
    return before.get(pid)


def _forked(asked: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        code = _called(asked)
    except BaseException:  # noqa: BLE001 - a fork must never go back into its parent's loop
        import traceback

        traceback.print_exc()
        code = 1
    finally:
        os._exit(code)


def _called(asked: dict[str, Any]) -> int:
    handle = os.open(asked["said"], os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDWR)
    for target, source in ((0, nothing), (1, nothing), (2, handle)):
        os.dup2(source, target)
    progress = os.open(Path(asked["said"]).with_suffix(".done"), os.O_WRONLY | os.O_APPEND)
    os.environ.update(asked["environment"])
    from benchmarks.faulting.calls import called

    worst = 0
    for call in asked["calls"]:
        if most := call.get("file_bytes"):
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
            continue
        done = called(call["arguments"], stop=call.get("stop", ""))
        os.write(2, done.said.encode())
        if done.code not in {None, 0, 5, 6}:
            return done.code or 1
        worst = max(worst, done.code or 0)
        os.write(progress, b".")
    return worst


if __name__ == "__main__":
    serve()
