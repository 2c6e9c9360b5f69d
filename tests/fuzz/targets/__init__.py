"""Every parser under test: its targets by name, and which of them drive which parser."""

from __future__ import annotations

from tests.fuzz.oracle import Target
from tests.fuzz.targets import binaries, delimited, documents, mails, typed, values, workspace

__all__ = ["GROUPS", "TARGETS"]

TARGETS: dict[str, Target] = {
    target.name: target
    for module in (binaries, values, delimited, documents, mails, typed, workspace)
    for target in module.TARGETS
}
"""Those that take longest first, so that two processes end together."""


def _both(*names: str) -> dict[str, tuple[str, ...]]:
    return {name: (f"{name} rows", f"{name} files") for name in names}


def _alone(*names: str) -> dict[str, tuple[str, ...]]:
    return {name: (name,) for name in names}


GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "delivered": {
        **_alone("records"),
        **_both("csv", "tsv", "fixed", "jsonl", "json", "sql", "dbf"),
        "dbf memos": ("memo rows", "dbf with memos"),
        **_alone("parquet", "xlsx", "ods"),
        "archives": ("archives", "archives without zstd"),
        **_both("mbox"),
        "messages": ("messages", "eml"),
    },
    "values": _alone("values", "numbers", "passages", "profiles"),
    "returned": _alone("bounces", "return files"),
    "typed": {
        **_alone(
            "incident file", "column maps", "facts", "facts as JSON", "model", "rules", "vendor profile", "e-mail texts",
            "letter texts", "translation",
        ),
        **_both(
            "roster", "delegation", "suppressions", "decisions", "splink labels", "packet answers", "monitoring codes",
            "given tables",
        ),
    },
    "workspace": {
        "audit head": ("audit head", "audit head without a key"),
        **_alone("audit log", "identity", "key file", "data keys"),
        "table manifests": ("table manifest", "table manifest of a worker", "finished set"),
        **_alone("note of a part", "round", "step manifest"),
        "purge certificates": ("purge certificate", "purge certificate without keys"),
        "journal": ("journal", "open journal"),
    },
}  # fmt: skip
"""Group -> parser -> targets. Rows and files of a format go through one parser: rows a hundred times as fast."""
