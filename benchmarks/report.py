"""The report of a large incident: seconds to build, bytes, and what a browser takes to show it.

    python -m benchmarks.report --workspace WS [--json]

WS is a finished round (`benchmarks.pipeline --rows 15000000 --workspace WS`). The page is built as the step builds
it, with accuracy, and once more as a statement; both are opened in Debian's chromium, a new one each.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.results import record
from flows import step_settings
from flows.accuracy import as_known_now
from flows.measure import PeakMemory
from flows.rounds import open_round
from notify.report.page import report_html
from notify.report.statement import statement_html

OPENINGS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    workspace, current = open_round(options.workspace)
    settings = step_settings.report(current.incident)
    found: dict[str, Any] = {"people": workspace.rows("persons"), "pairs": workspace.rows("pairs")}
    with PeakMemory() as memory, tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        told = as_known_now(workspace, current, settings)
        pages = {}
        for name, html in (
            ("report", lambda: report_html(workspace, told)),
            ("statement", lambda: statement_html(workspace, told, since=None)),
        ):
            page = Path(folder) / f"{name}.html"
            page.write_text(html(), encoding="utf-8")
            pages[name] = {
                "seconds": round(time.perf_counter() - began, 2),
                "bytes": page.stat().st_size,
            }
            pages[name]["dom_content_loaded_ms"] = shown(page)
            began = time.perf_counter()
    found |= {**pages, "peak_rss_gib": round(memory.gib, 2)}
    print(json.dumps(found, indent=1) if options.json else found)
    record(f"report-{found['people']}", found)


def shown(page: Path) -> float:
    """Milliseconds to DOMContentLoaded, the most of some openings."""
    from playwright.sync_api import sync_playwright

    times = []
    with sync_playwright() as p:
        for _ in range(OPENINGS):
            browser = p.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            tab = browser.new_page()
            tab.goto(page.as_uri())
            times.append(
                tab.evaluate(
                    "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
                )
            )
            browser.close()
    return round(max(times), 1)


if __name__ == "__main__":
    main()
