"""Every mail of tests/spec/bounces says what tests/spec/bounces.yaml says it does, about that piece."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from matching.keys import Keys
from notify.bounces import read
from notify.bounces.claims import piece_of
from notify.email import verp

HERE = Path(__file__).parent
CASES: list[dict[str, Any]] = yaml.safe_load((HERE / "bounces.yaml").read_text())
BELIEVED = partial(verp.mailpiece_of, Keys(bytes(32), bytes(32)))


@pytest.mark.parametrize("case", CASES, ids=[case["mail"] for case in CASES])
def test_a_mail_says(case: dict[str, Any]) -> None:
    notices = read((HERE / "bounces" / f"{case['mail']}.eml").read_bytes())
    said = [[f.recipient, f.kind.value, f.status, f.action] for n in notices for f in n.findings]
    about = [piece or why for piece, why in (piece_of(n.claims, BELIEVED) for n in notices)]
    assert said == case["says"], case["about"]
    assert (about if len(about) > 1 else about[0]) == case["piece"], case["about"]


def test_every_mail_of_the_folder_has_its_line() -> None:
    assert {path.stem for path in (HERE / "bounces").glob("*.eml")} == {c["mail"] for c in CASES}
