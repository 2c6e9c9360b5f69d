"""What regulators, bureaus, media and public receive, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

import notify.filings.drafts as drafts_module
from notify.facts import Risk
from tests import filing_tables as made

GOLDEN = Path(__file__).parent / "filings.txt"
RISK = Risk(factor2="Files were offered on a criminal forum.", factor2_evidence="E-002")


def test_the_filings_are_the_golden_ones(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        drafts_module, "pdf", lambda document, *_, **__: drafts_module.markdown(document).encode()
    )
    workspace = made.workspace_of(tmp_path)
    made.send(workspace, risk=RISK)
    folder = workspace.out / "filings"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    told = "".join(
        f"==== {path.relative_to(folder).as_posix()}\n{path.read_bytes().decode()}"
        for path in files
        if path.name not in {"manifest.json", "notice.pdf", "release.pdf"}
    )
    if request.config.getoption("--update-golden", default=False):
        GOLDEN.write_bytes(told.encode())
    assert told == GOLDEN.read_bytes().decode()
