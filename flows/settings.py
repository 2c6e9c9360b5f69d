"""The incident file as one closed model, and each step's own settings made from it.

Every section's model lives beside the step that reads it; this module composes them, reads the TOML
and says what is wrong in lines that name the file, the key and the fix, all at once.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from flows.validation import innermost, lines, merged, remove, todo_lines
from matching.costs import Costs
from matching.errors import OperatorError
from matching.intake.settings import SuppressionSource
from matching.link.settings import Matching
from matching.names_alike import alike, sound_name
from matching.openers import Person, sound_recipient
from matching.sources import LeakedSource, MasterSource
from matching.typed_files import parse_toml
from notify.facts import (
    BusinessAssociate,
    Closed,
    Counsel,
    Email,
    Hold,
    Incident,
    Mailing,
    Presumed,
    Risk,
)
from notify.filings.settings import Filings
from notify.packets.settings import Packets

__all__ = [
    "Dask",
    "Entities",
    "IncidentFile",
    "Right",
    "Security",
    "configs_folder",
    "load_incident",
    "sound_part",
]


class Entities(Closed):
    """`[entities]`: the roster as of the incident."""

    path: str = Field(description="Roster CSV, one covered entity a row.")
    delegation: str = Field(default="", description="CSV of who performs which duty.")


class Security(Closed):
    """`[security]`: where the incident's key lives, whom it is wrapped for, how data lies on disk."""

    key_file: str = Field(
        default="", description="Key file outside the workspace; default announced."
    )
    recipients: tuple[str, ...] = Field(
        default=(),
        description="Whom a new key file is wrapped for, `NAME age1...` each; nobody: it is in clear"
        " until `affected keys WS add`.",
    )
    encryption: Literal["aes-256", "none"] = Field(
        default="aes-256",
        description="none: tables lie in clear; only where incident.synthetic = true.",
    )
    scratch: Literal["disk", "memory"] = Field(
        default="disk",
        description="Where what is spilled and drafted lies; memory: a private folder that no disk sees.",
    )

    @field_validator("recipients")
    @classmethod
    def _each_names_one(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            name, _, recipient = entry.strip().rpartition(" ")
            if not name.strip() or not sound_recipient(recipient):
                raise ValueError("an entry is no `NAME age1...`; take the recipient of age-keygen")
        names = [entry.strip().rpartition(" ")[0].strip() for entry in entries]
        if len(set(names)) < len(names) or alike(names):
            raise ValueError("names somebody twice; each once")
        return entries

    @property
    def people(self) -> dict[str, Person]:
        """Whom a new key file is wrapped for, by name."""
        split = [entry.strip().rpartition(" ") for entry in self.recipients]
        return {name.strip(): Person(name.strip(), recipient) for name, _, recipient in split}


class Dask(Closed):
    """`[dask]`: certificates of a cluster, needed with `--scheduler`."""

    tls_ca: str = Field(default="", description="CA certificate of the cluster (PEM file).")
    tls_cert: str = Field(default="", description="This client's certificate (PEM file).")
    tls_key: str = Field(default="", description="This client's key (PEM file).")


Right = Literal["review", "approve", "send", "reveal", "purge"]


class IncidentFile(Closed):
    """The whole incident file. Paths are relative to it."""

    incident: Incident = Field(description="What happened and when.")
    business_associate: BusinessAssociate = Field(description="Who lost the data.")
    leaked: tuple[LeakedSource, ...] = Field(min_length=1, description="Leaked files.")
    masters: tuple[MasterSource, ...] = Field(default=(), description="Patient master files.")
    entities: Entities = Field(description="The roster.")
    presumed: tuple[Presumed, ...] = Field(default=(), description="People believed affected.")
    holds: tuple[Hold, ...] = Field(default=(), description="Law-enforcement and court holds.")
    suppressions: tuple[SuppressionSource, ...] = Field(
        default=(), description="Who must not be written to."
    )
    risk: Risk = Field(default=Risk(), description="The four-factor assessment.")
    matching: Matching = Field(default=Matching(), description="Model and thresholds.")
    costs: Costs = Field(default=Costs(), description="What errors cost, to weigh thresholds.")
    packets: Packets = Field(default=Packets(), description="Packets to covered entities.")
    mailing: Mailing = Field(default=Mailing(), description="Letters.")
    email: Email = Field(default=Email(), description="E-mail.")
    people: dict[str, tuple[Right, ...]] = Field(
        default_factory=dict, description="NAME = what that person may do."
    )
    counsel: Counsel = Field(default=Counsel(), description="Counsel's decisions.")
    filings: Filings = Field(default=Filings(), description="What regulators' forms ask for.")
    security: Security = Field(default=Security(), description="Keys.")
    dask: Dask = Field(default=Dask(), description="Cluster.")
    folder: str = Field(default=".", description="Set by the program: the incident file's folder.")

    @field_validator("people")
    @classmethod
    def _told_apart(cls, people: dict[str, tuple[Right, ...]]) -> dict[str, tuple[Right, ...]]:
        """Where two people must act, two names must be two people."""
        if not all(map(sound_name, people)):
            raise ValueError("a name is empty, or has blanks around it or letters that do not show")
        if (two := alike(people)) is not None:
            raise ValueError(f"{two[0]} and {two[1]} look the same; write them so that they differ")
        return people

    @property
    def as_of(self) -> date:
        """The round's today; set when the file is loaded for a round."""
        assert self.incident.as_of is not None
        return self.incident.as_of

    @property
    def root(self) -> Path:
        """Folder that paths are relative to."""
        return Path(self.folder)

    @property
    def digest(self) -> str:
        """Digest of what the round depends on: all but its day, places, keys and costs."""
        data = self.model_dump(
            mode="json", by_alias=True, exclude={"folder", "security", "dask", "costs"}
        )
        data["incident"].pop("as_of")
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()

    def dump(self) -> dict[str, Any]:
        """JSON-ready, and back through `model_validate`."""
        return self.model_dump(mode="json", by_alias=True)


def configs_folder() -> Path:
    """The operators' data: beside the packages in a checkout, inside `flows` in a wheel."""
    here = Path(__file__).parent
    inside = here / "configs"
    return inside if inside.is_dir() else here.parent / "configs"


def load_incident(
    path: Path, *, as_of: date | None = None, today: date | None = None
) -> IncidentFile:
    """Read and validate an incident file; `as_of` overrides the file's, `today` is the last resort.

    Raises OperatorError with one line a problem, each naming the file, the key and the fix.
    """
    raw = _read(path)
    unfinished = todo_lines(path, raw)
    try:
        loaded = IncidentFile.model_validate(raw)
    except ValidationError as error:
        raise OperatorError(
            "\n".join(merged(unfinished, lines(path, error, IncidentFile)))
        ) from None
    if unfinished:
        raise OperatorError("\n".join(unfinished))
    if loaded.security.encryption == "none" and not loaded.incident.synthetic:
        raise OperatorError(
            f"{path}: security.encryption: none only where incident.synthetic = true; remove it"
        )
    day = as_of or loaded.incident.as_of or today
    if day is None:
        return loaded
    if day < loaded.incident.known_on:
        raise OperatorError(
            f"{path}: incident.as_of: {day} is before known_on; correct one of them"
        )
    incident = loaded.incident.model_copy(update={"as_of": day})
    return loaded.model_copy(update={"incident": incident})


def sound_part(path: Path) -> IncidentFile | None:
    """What is left of an unsound incident file without its wrong values: enough to check its files.

    The sections on the incident itself are stand-ins, for no file depends on them. None where the
    roster is not even named. Raises OperatorError where it is no TOML.
    """
    raw = _read(path)
    for section in ("incident", "business_associate"):
        raw[section] = _STAND_INS[section]
    for _ in range(_PRUNINGS):
        try:
            named = raw.get("leaked") or [{"path": "-", "format": "csv"}]
            sound = IncidentFile.model_validate({**raw, "leaked": named})
            return sound if raw.get("leaked") else sound.model_copy(update={"leaked": ()})
        except ValidationError as error:
            for problem in reversed(innermost(error)):
                place = problem["loc"]  # a file whose mapping is wrong is left out whole
                remove(raw, place[:-1] if place[-1:] == ("columns",) else place)
    return None


_PRUNINGS = 4
"""A section shows its wrong order of values only after its wrong values are gone."""
_STAND_INS: dict[str, dict[str, Any]] = {
    "incident": {
        "id": "unsound",
        "title": "",
        "breach_start": "unknown",
        "breach_end": "unknown",
        "known_on": date(2000, 1, 1),
        "what_happened": "",
    },
    "business_associate": {
        "name": "",
        "toll_free": "",
        "email": "",
        "website": "",
        "address": [""],
    },
}


def _read(path: Path) -> dict[str, Any]:
    """The file as TOML says it, with its folder; a byte order mark at its start is no matter."""
    try:
        raw = parse_toml(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise OperatorError(
            f"{path}: not found; name an incident file (see configs/example)"
        ) from None
    except (IsADirectoryError, NotADirectoryError):
        raise OperatorError(f"{path}: no file; name the incident file in that folder") from None
    except PermissionError:
        raise OperatorError(f"{path}: may not be read; give this user the right to") from None
    except UnicodeDecodeError as error:
        raise OperatorError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise OperatorError(f"{path}: no valid TOML: {error}; correct that line") from None
    if "folder" in raw:
        raise OperatorError(f"{path}: folder: unknown key; remove it")
    return {**raw, "folder": str(path.resolve().parent)}
