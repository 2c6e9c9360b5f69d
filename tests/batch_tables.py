"""A few people, planned and released as batches: what tests of vendor files begin with."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pysequoia

from matching.store import Workspace
from notify import batches, notices
from notify.batches import BatchesSettings
from notify.letters.settings import CONFIGS
from notify.notices import NoticesSettings
from tests.notice_tables import AS_OF, ASSOCIATE, INCIDENT, MAILING, NOW, build

SETTINGS = BatchesSettings(
    incident=INCIDENT, business_associate=ASSOCIATE, mailing=MAILING, as_of=AS_OF
)
PEOPLE: list[dict[str, Any]] = [
    {},
    {"person": {"language": "es"}, "raw": {"first_name": "Zoë", "last_name": "Nuñez"}},
    {"entity": "CE4", "person": {"minor_on": MAILING.planned_mail_on.replace(year=2030)}},
    {"chart": {"country": "CA", "city": "TORONTO", "state": None, "zip5": None}},
    {"status": "possible", "elements": ["ssn", "name"]},
    {"raw": {"first_name": "=JANE", "last_name": "DOE"}},
    {"chart": {"zip5": None}},
    {
        "chart": {
            "email": "a@example.org",
            "email_consent_on": AS_OF,
            "email_consent_scope": "all",
        },
    },
]
MAILED = 5
"""Of PEOPLE; beside them an exception, one without an address, one by e-mail."""


def plan(
    workspace: Workspace,
    people: list[dict[str, Any]] | None = None,
    settings: BatchesSettings = SETTINGS,
) -> None:
    """Notices and batches of one round; with `people` the tables before them too."""
    if people is not None:
        build(workspace, people)
    notices.run(workspace, NoticesSettings(incident=INCIDENT, mailing=MAILING, as_of=AS_OF))
    batches.run(workspace, settings)


def release(workspace: Workspace, settings: BatchesSettings = SETTINGS, **given: Any) -> Path:
    """Export every planned batch; gives the folder of the only one."""
    planned = list(workspace.read("batches")["batch_id"])
    done = batches.export(workspace, settings, batches=planned, recorded_at=NOW, **given)
    (folder,) = (done.folder / batch for batch in planned)
    return folder


def with_profile(
    tmp_path: Path, changes: str, settings: BatchesSettings = SETTINGS
) -> BatchesSettings:
    """Settings with a profile that has `changes` (TOML of top-level keys and tables) in it."""
    vendors = tmp_path / "vendors"
    shutil.rmtree(vendors, ignore_errors=True)
    shutil.copytree(CONFIGS / "vendors", vendors)
    seed = '[[seeds]]\nname = "MAILROOM SEED ONE"\n'
    (vendors / "plain.toml").write_text(f'name = "plain"\n{changes}\n{seed}', "utf-8")
    return settings.model_copy(update={"vendors": vendors})


def vendor_key() -> tuple[Any, str]:
    """A vendor's new key: the secret one, and its public part in armor."""
    secret = pysequoia.Tsk.generate("Mail House <intake@vendor.example>")
    return secret, str(secret.extract_certificate())
