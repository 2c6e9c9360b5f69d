"""The workbench in a real browser: first page, sliders, other weights, keys of review, memory of the server.

    python -m benchmarks.workbench --workspace WS --as NAME [--json]

WS is a finished round (`benchmarks.pipeline --rows 15000000 --workspace WS`). Times are taken in the page: from the
event that a hand makes until the second frame after all numbers, or the next pair, were put in. Keys are
decisions: they stay in WS's inbox. Needs Debian's chromium.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.results import record
from matching.store import Workspace

MOVES, KEYS, EDITS = 40, 100, 6
READY_S = 600
"""Longest that loading may take."""
PAINTED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
SLIDE = f"""async bits => {{
  const slider = document.querySelector('input[type=range][data-of=merge]');
  const began = performance.now();
  const swapped = new Promise(done => document.body.addEventListener('htmx:afterSettle', done, {{once: true}}));
  slider.value = bits;
  slider.dispatchEvent(new Event('input', {{bubbles: true}}));
  await swapped; await {PAINTED};
  return performance.now() - began;
}}"""
PAIR = "() => { const f = document.querySelector('#answer'); return f ? f.left.value + '/' + f.right.value : '' }"
KEY = f"""async key => {{
  const pair = {PAIR};
  const before = pair(), began = performance.now();
  document.body.dispatchEvent(new KeyboardEvent('keydown', {{key, bubbles: true, cancelable: true}}));
  while (pair() === before) {{
    await new Promise(done => requestAnimationFrame(done));
    if (performance.now() - began > 20000) throw new Error('no next pair');
  }}
  await {PAINTED};
  return performance.now() - began;
}}"""


class Memory:
    """Most memory (PSS) of a process, looked at once a second."""

    def __init__(self, number: int) -> None:
        self.most_gib, self._process, self._end = 0.0, psutil.Process(number), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._end.wait(1.0):
            self.most_gib = max(self.most_gib, self.now_gib())

    def now_gib(self) -> float:
        """What it holds now."""
        return float(self._process.memory_full_info().pss) / (1 << 30)

    def stop(self) -> float:
        """End the watch; the most that was seen."""
        self._end.set()
        self._thread.join()
        return self.most_gib


def main() -> None:
    """Measure and record."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--as", dest="name", default="LEAD")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measured(options.workspace, options.name)
    record(f"workbench-{result['rows']}", result, show=options.json)


def measured(root: Path, name: str) -> dict[str, Any]:
    """All figures of one server, from its start to its end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_context(viewport={"width": 1366, "height": 768}).new_page()
        began = time.perf_counter()
        command = [sys.executable, "-m", "flows", "tune", str(root), "--as", name, "--json"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        memory = Memory(server.pid)
        try:
            document = _document(server)
            page.goto(document["links"][0]["link"])
            page.wait_for_selector("[data-number=expected]")
            first = time.perf_counter() - began
            found = {"first_page_s": round(first, 2), **_used(page, document["address"], began)}
            found["memory_after_gib"] = round(memory.now_gib(), 2)
        finally:
            found_most = memory.stop()
            server.terminate()
            server.wait()
        browser.close()
    workspace = Workspace.open(root)
    return {
        "rows": workspace.rows("leaked"), "charts": workspace.rows("charts"), "pairs": workspace.rows("pairs"),
        **found, "peak_pss_gib": round(found_most, 2),
    }  # fmt: skip


def _document(server: subprocess.Popen[str]) -> dict[str, Any]:
    """What the command prints before it serves."""
    assert server.stdout is not None
    text = ""
    for line in server.stdout:
        text += line
        if line.rstrip() == "}":
            return dict(json.loads(text))
    raise AssertionError("the server ended before it printed where it is")


def _used(page: Any, address: str, began: float) -> dict[str, Any]:
    page.wait_for_selector("#charts[data-drawn=yes]", timeout=READY_S * 1000)
    _until(page, lambda: page.evaluate(SLIDE, 6.0) > 0 and not page.query_selector(".waiting"))
    ready = time.perf_counter() - began
    slides = [page.evaluate(SLIDE, 5.1 + n * 0.2) for n in range(MOVES)]
    weights = [_edit(page, address, n) for n in range(EDITS)]
    page.goto(address + "/review")
    loading = time.perf_counter()
    page.wait_for_selector("#answer", timeout=READY_S * 1000)
    review = time.perf_counter() - loading
    page.wait_for_timeout(1000)
    keys = []
    for n in range(KEYS):
        keys.append(page.evaluate(KEY, "mnu"[n % 3]))
        page.wait_for_timeout(700)  # a reviewer looks at a pair for longer
    return {
        "ready_s": round(ready, 1), "review_ready_s": round(review, 1),
        "slider_ms": _spread(slides), "weights_s": _spread(weights), "key_ms": _spread(keys),
    }  # fmt: skip


def _edit(page: Any, address: str, n: int) -> float:
    """Change one level's bits; seconds until the numbers with it are on the page."""
    page.goto(address + "/thresholds/weights")
    box = page.query_selector_all(".levels input")[n]
    box.fill(f"{float(box.input_value()) - 0.5:.2f}")
    began = time.perf_counter()
    page.click("text=Try these weights")
    _until(page, lambda: page.goto(address + "/thresholds") and not page.query_selector(".waiting"))
    page.wait_for_selector("[data-number=expected]")
    return time.perf_counter() - began


def _until(page: Any, done: Any) -> None:
    end = time.perf_counter() + READY_S
    while not done():
        if time.perf_counter() > end:
            raise AssertionError("not ready in time")
        page.wait_for_timeout(250)


def _spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "count": len(values),
        "median": round(statistics.median(ordered), 2),
        "p95": round(ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))], 2),
        "most": round(ordered[-1], 2),
    }


if __name__ == "__main__":
    main()
