"""Each step's own settings from the incident file: one function a step, named as the step.

Worker count, memory and cluster come from the environment (`affected run --workers --memory-gib
--scheduler --shared`): they change how a step works, never what it writes, and are left out of its digest.
"""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

from flows.settings import IncidentFile, configs_folder
from matching.errors import OperatorError
from matching.intake import IntakeSettings
from matching.link import LinkSettings
from matching.link.settings import Cluster
from matching.owners import OwnersSettings
from matching.people import PeopleSettings
from matching.standardise import StandardiseSettings
from notify.batches import BatchesSettings
from notify.counts import CountsSettings
from notify.duties import DutiesSettings
from notify.email import EmailSettings
from notify.filings import FilingsSettings
from notify.notices import NoticesSettings
from notify.packets import PacketsSettings
from notify.report import ReportSettings

__all__ = [
    "batches",
    "cluster",
    "counts",
    "duties",
    "email",
    "filings",
    "intake",
    "link",
    "notices",
    "owners",
    "packets",
    "people",
    "report",
    "standardise",
]

_DEFAULT_MEMORY_GIB = 6.0


def workers() -> int:
    """Threads a step may use."""
    return int(os.environ.get("AFFECTED_WORKERS") or os.cpu_count() or 1)


def memory_gib() -> float:
    """Bound on the memory of joins."""
    return float(os.environ.get("AFFECTED_MEMORY_GIB") or _DEFAULT_MEMORY_GIB)


def cluster(file: IncidentFile) -> Cluster | None:
    """Workers elsewhere; None: threads of this process.

    Raises OperatorError with one line a problem.
    """
    scheduler, shared = (os.environ.get(f"AFFECTED_{name}", "") for name in ("SCHEDULER", "SHARED"))
    if not scheduler:
        return None
    found = []
    if not scheduler.startswith("tls://"):
        found.append(f"--scheduler {scheduler}: without TLS; give a tls:// address")
    if not shared or not Path(shared).is_dir():
        found.append(f"--shared {shared}: no such folder; name one that all workers see")
    certificates = file.dask.model_dump()
    for key, name in certificates.items():
        if not name:
            found.append(f"dask.{key}: needed with --scheduler; name a PEM file")
        elif not (file.root / name).is_file():
            found.append(f"dask.{key}: no file {name}; correct it")
    if found:
        raise OperatorError("\n".join(found))
    paths = {key: file.root / name for key, name in certificates.items()}
    return Cluster(scheduler=scheduler, shared=Path(shared).absolute(), **paths)


def owner_on(file: IncidentFile) -> date | None:
    """Day whose legal owner counts the people of a sold practice; None: the practice as it was."""
    at_discovery = file.counsel.sold_entity_counts_at_discovery
    return file.incident.discovered_on if at_discovery else None


def intake(file: IncidentFile) -> IntakeSettings:
    """Delivered files and counsel's word on roles."""
    return IntakeSettings(
        root=file.root,
        leaked=file.leaked,
        masters=file.masters,
        entities=file.entities.path,
        delegation=file.entities.delegation or None,
        suppressions=file.suppressions,
        text_names=file.matching.text_names,
        lead_is_phi=file.counsel.lead_is_phi,
        employees_notified=file.counsel.employees_notified,
        emergency_contacts_notified=file.counsel.emergency_contacts_notified,
        guarantors_notified=file.counsel.guarantors_notified,
    )


def standardise(file: IncidentFile) -> StandardiseSettings:
    """The defaults: no incident has needed others."""
    return StandardiseSettings()


def link(file: IncidentFile) -> LinkSettings:
    """Model, training, thresholds, and who works."""
    mapped = {field for source in file.leaked for field in source.columns}
    chosen = file.matching.model or ("clinic" if "ssn" in mapped else "dental")
    model = configs_folder() / "models" / f"{chosen}.json"
    return LinkSettings(
        **file.matching.model_dump(exclude={"model"}),
        model=str(model if chosen in {"dental", "clinic"} else file.root / chosen),
        threads=workers(),
        memory_gib=memory_gib(),
        cluster=cluster(file),
    )


def people(file: IncidentFile) -> PeopleSettings:
    """Thresholds, and entities whose people are presumed affected."""
    return PeopleSettings(
        merge_at_bits=file.matching.merge_at_bits,
        include_at_bits=file.matching.include_at_bits,
        as_of=file.as_of,
        owner_on=owner_on(file),
        presumed_entities=tuple(entry.entity_id for entry in file.presumed),
    )


def owners(file: IncidentFile) -> OwnersSettings:
    """The attribution threshold, and entities whose people are presumed affected."""
    return OwnersSettings(
        attribute_at_bits=file.matching.attribute_at_bits,
        owner_on=owner_on(file),
        presumed_entities=tuple(entry.entity_id for entry in file.presumed),
    )


def counts(file: IncidentFile) -> CountsSettings:
    """Nothing but the frame: counts depend on tables."""
    del file
    return CountsSettings()


def duties(file: IncidentFile) -> DutiesSettings:
    """Dates, holds, rule rows."""
    return DutiesSettings(
        incident=file.incident,
        as_of=file.as_of,
        holds=file.holds,
        mailing=file.mailing,
        counsel=file.counsel,
        jurisdictions=configs_folder() / "jurisdictions",
    )


def packets(file: IncidentFile) -> PacketsSettings:
    """What a letter to a covered entity says."""
    return PacketsSettings(
        incident=file.incident,
        business_associate=file.business_associate,
        as_of=file.as_of,
        holds=file.holds,
        letters=configs_folder() / "letters",
        **file.packets.model_dump(),
    )


def filings(file: IncidentFile) -> FilingsSettings:
    """What filings say beside the tables. No step: the command plans and releases them."""
    return FilingsSettings(
        incident=file.incident,
        business_associate=file.business_associate,
        as_of=file.as_of,
        holds=file.holds,
        risk=file.risk,
        mailing=file.mailing,
        counsel=file.counsel,
        filings=file.filings,
        texts=configs_folder() / "filings",
        elements=configs_folder() / "letters" / "elements.toml",
        jurisdictions=configs_folder() / "jurisdictions",
    )


def notices(file: IncidentFile) -> NoticesSettings:
    """Channel rules: mailing, holds, counsel's decisions."""
    return NoticesSettings(
        incident=file.incident,
        mailing=file.mailing,
        as_of=file.as_of,
        holds=file.holds,
        counsel=file.counsel,
    )


def batches(file: IncidentFile) -> BatchesSettings:
    """What letters and vendor files say."""
    return BatchesSettings(
        incident=file.incident,
        business_associate=file.business_associate,
        mailing=file.mailing,
        as_of=file.as_of,
        vendors=configs_folder() / "vendors",
        counsel=file.counsel,
        root=file.root,
        letters=configs_folder() / "letters",
    )


def email(file: IncidentFile) -> EmailSettings:
    """What e-mails say and how they leave. No step: the command sends what `batches` planned."""
    return EmailSettings(
        incident=file.incident,
        business_associate=file.business_associate,
        email=file.email,
        holds=file.holds,
        counsel=file.counsel,
        as_of=file.as_of,
        root=file.root,
        texts=configs_folder() / "email",
        letters=configs_folder() / "letters",
    )


def report(file: IncidentFile) -> ReportSettings:
    """Title and day of the report."""
    return ReportSettings(
        incident=file.incident,
        business_associate_name=file.business_associate.name,
        as_of=file.as_of,
        include_at_bits=file.matching.include_at_bits,
        merge_at_bits=file.matching.merge_at_bits,
        prices=file.costs.model_dump(),
    )
