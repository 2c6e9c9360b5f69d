"""What is vendored is what it says it is."""

import hashlib
from pathlib import Path

import vl_convert

import flows.workbench

STATIC = Path(flows.workbench.__file__).parent / "static"
HTMX = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
"""SHA-256 of dist/htmx.min.js in the package htmx.org 2.0.11."""


def test_htmx_is_the_released_file():
    assert hashlib.sha256((STATIC / "htmx.min.js").read_bytes()).hexdigest() == HTMX


def test_vega_is_what_the_pinned_package_gives():
    assert (STATIC / "vega.min.js").read_text(encoding="utf-8") == vl_convert.javascript_bundle()


def test_what_is_vendored_is_listed():
    said = (STATIC / "README.md").read_text(encoding="utf-8")
    for path in STATIC.glob("*.min.js"):
        assert f"`{path.name}`" in said


def test_nothing_is_fetched_from_elsewhere():
    ours = [
        p
        for p in STATIC.parent.rglob("*")
        if p.suffix in {".html", ".css", ".js"} and ".min." not in p.name
    ]
    assert len(ours) > 10
    for path in ours:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, path.name
        assert "https://" not in text, path.name
        assert " style=" not in text, path.name  # the policy forbids it
        assert "<script>" not in text, path.name
