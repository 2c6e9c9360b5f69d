"""Every command of the first-hour page, as it stands, in its order, in a shell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from flows.docs import ROOT

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_no_step_of_the_first_hour_fails(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "first-hour.md").read_text(encoding="utf-8")
    script = "set -euo pipefail\nset -x\n" + "\n".join(BLOCK.findall(page))
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "AFFECTED_KEYS": str(tmp_path / "keys"),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    out = tmp_path / "northwind" / "ws" / "out"
    assert (out / "report.html").exists()
    assert list(out.glob("packets/*/v1/notice_letter.pdf"))
    assert list(out.glob("batches/*/.done"))
    assert (tmp_path / "northwind" / "statement.html").exists()
