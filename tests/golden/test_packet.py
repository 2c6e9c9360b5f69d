"""What a covered entity receives, word for word; the letter as the data its template gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import notify.packets.files as files_module
from notify.packets import release, run
from tests import packet_tables as made

GOLDEN = Path(__file__).parent / "packet.txt"
TEXTS = ("README.txt", "individuals.csv", "element_matrix.csv", "counts.json", "response_form.csv")


def test_the_packet_is_the_golden_one(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters: list[dict[str, Any]] = []

    def render(_: Path, data: dict[str, Any], **__: Any) -> bytes:
        letters.append(data)
        return b"%PDF"

    monkeypatch.setattr(files_module, "render", render)
    workspace = made.workspace_of(tmp_path)
    run(workspace, made.settings())
    release(workspace, made.settings(), entity="CE1", recorded_at=made.RELEASED_AT)
    folder = workspace.out / "packets" / "CE1" / "v1"
    parts = {name: (folder / name).read_bytes().decode() for name in TEXTS}
    parts["letter"] = json.dumps(letters[0], indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    told = "".join(f"==== {name}\n{text}" for name, text in parts.items())
    if request.config.getoption("--update-golden", default=False):
        GOLDEN.write_bytes(told.encode())
    assert told == GOLDEN.read_bytes().decode()
