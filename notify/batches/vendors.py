"""A vendor's profile: how MAIL v1 is written for one mail vendor, and to which key it is closed.

A profile may rename and reorder columns and drop those that no seal covers. It cannot add a column: what is
not of MAIL v1 has no name here. A profile that asks for more is refused before anything is written.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Literal, Self

import pysequoia
from pydantic import Field, ValidationError, model_validator

from matching.store import OperatorError
from matching.tables import MAIL_V1
from matching.typed_files import parse_toml
from notify.batches.schema import LIMITS, SEALED
from notify.facts import BusinessAssociate, Closed

__all__ = ["OpenPgp", "Seed", "Vendor", "closed_to", "read_profile"]

_LAST_LINE = re.compile(
    r"^(?P<city>.+?),?\s+(?P<state>[A-Z]{2})\s+(?P<zip5>\d{5})(?:-(?P<zip4>\d{4}))?$"
)
_SAFE_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9_ .#/-]{0,63}")
"""A header stands in the file without quotes."""
_ARMOR = "-----BEGIN PGP"
_LINE_ENDS = {"lf": "\n", "crlf": "\r\n"}


class Seed(Closed):
    """A decoy letter that comes back to us."""

    name: str = Field(
        pattern=r"^[A-Z][A-Z0-9 .'-]*$",
        max_length=LIMITS["name_last"],
        description="Name in capitals.",
    )
    address: tuple[str, ...] = Field(
        default=(), description="Street line, and city with state and ZIP; empty: the sender's own."
    )

    def lines(self, sender: BusinessAssociate) -> dict[str, str | None]:
        """delivery_line, city, state, zip5, zip4. Raises OperatorError where the last line is not read."""
        street, last = (
            (self.address or sender.address)[-2:]
            if len(self.address or sender.address) > 1
            else ("", "")
        )
        found = _LAST_LINE.match(last)
        if found is None:
            where = f"seed {self.name}" if self.address else "business_associate.address"
            raise OperatorError(
                f"{where}: the last line must be 'City ST 12345' after a street line"
            )
        parts = {name: text.upper() if text else None for name, text in found.groupdict().items()}
        return {"delivery_line": street.upper(), **parts}


class Columns(Closed):
    """Which columns a vendor gets, and in which order."""

    drop: tuple[str, ...] = Field(default=(), description="Unsealed columns of MAIL v1.")
    order: tuple[str, ...] = Field(
        default=(),
        description="Every column that is kept, in the vendor's order; empty: MAIL v1's.",
    )


class OpenPgp(Closed):
    """The vendor's key. Files with people go out closed to it."""

    key: str = Field(
        min_length=1, description="Public key: armored text, or a file beside the profile."
    )
    fingerprint: str = Field(
        pattern=r"^[0-9A-Fa-f ]{40,80}$",
        description="Its fingerprint, as the vendor read it out by another way.",
    )

    @property
    def pinned(self) -> str:
        """The fingerprint in lower case without blanks."""
        return self.fingerprint.replace(" ", "").lower()


class Vendor(Closed):
    """One profile of configs/vendors."""

    name: str = Field(description="Name of the profile.")
    rows_max: int = Field(
        default=250_000, gt=10, le=250_000, description="Rows of one file with seeds."
    )
    format: Literal["csv", "fixed"] = Field(
        default="csv", description="CSV with a header, or fixed width with a layout file."
    )
    encoding: Literal["utf-8", "ascii", "latin-1", "cp1252", "cp037"] = Field(
        default="utf-8", description="Of the fixed-width file; a CSV is UTF-8."
    )
    line_end: Literal["lf", "crlf"] = Field(default="lf", description="Line ends of the mail file.")
    compression: Literal["zstd", "none"] = Field(
        default="zstd", description="Of the mail file before it is encrypted to the vendor's key."
    )
    signature: Literal["ed25519"] = Field(
        default="ed25519", description="The incident's signature over the manifest."
    )
    openpgp: OpenPgp | None = Field(
        default=None, description="The vendor's key; without it files are for this house only."
    )
    mail_class: Literal["FCM"] = Field(default="FCM", description="First-class mail.")
    endorsement: Literal["RSR", "ESR_SD"] = Field(
        default="RSR", description="What the post does with returns."
    )
    plan: dict[str, bool | str] = Field(default_factory=dict, description="Printing plan.")
    rename: dict[str, str] = Field(
        default_factory=dict, description="MAIL v1 column = vendor's name."
    )
    columns: Columns = Field(default=Columns(), description="Columns left out, order.")
    seeds: tuple[Seed, ...] = Field(default=(), description="Decoys in every batch.")

    @model_validator(mode="after")
    def _keeps_what_is_sealed(self) -> Self:
        for key, names in (
            ("rename", self.rename),
            ("columns.drop", self.columns.drop),
            ("columns.order", self.columns.order),
        ):
            unknown = sorted(set(names) - set(MAIL_V1))
            if unknown:
                raise ValueError(f"{key}: no MAIL v1 column {', '.join(unknown)}; take it out")
        refused = sorted(SEALED & set(self.columns.drop))
        if refused:
            raise ValueError(f"columns.drop: {', '.join(refused)}: covered by a seal; keep it")
        if self.columns.order:
            self._check_order()
        self._check_names()
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if len(self.seeds) >= self.rows_max:
            raise ValueError("seeds: more of them than rows_max; raise it")
        if self.format == "csv" and self.encoding != "utf-8":
            raise ValueError("encoding: a CSV is UTF-8; take it out, or write format = 'fixed'")
        return self

    def _check_order(self) -> None:
        kept = [name for name in MAIL_V1 if name not in self.columns.drop]
        missing = sorted(set(kept) - set(self.columns.order))
        if missing:
            raise ValueError(
                f"columns.order: {', '.join(missing)}: left out; name every column that is kept"
            )
        if len(self.columns.order) != len(kept):
            raise ValueError(
                "columns.order: a column stands twice, or is dropped; name each kept one once"
            )

    def _check_names(self) -> None:
        """A header must tell columns apart, and none may go by another one's name."""
        for column, name in self.rename.items():
            if not _SAFE_HEADER.fullmatch(name):
                raise ValueError(
                    f"rename.{column}: no usable name; letters, digits, blank, _ . # / - only"
                )
            if name != column and name in MAIL_V1:
                raise ValueError(
                    f"rename.{column}: {name} is another column of MAIL v1; choose another name"
                )
        twice = [name for name, times in Counter(self.rename.values()).items() if times > 1]
        if twice:
            raise ValueError(f"rename: two columns would be called {twice[0]}; choose another name")

    @property
    def pieces_max(self) -> int:
        """Rows of a batch beside its seeds."""
        return self.rows_max - len(self.seeds)

    @property
    def kept(self) -> dict[str, str]:
        """Column of MAIL v1 -> the vendor's name for it, in the vendor's order."""
        order = self.columns.order or [n for n in MAIL_V1 if n not in self.columns.drop]
        return {name: self.rename.get(name, name) for name in order}

    @property
    def newline(self) -> str:
        """What ends a row."""
        return _LINE_ENDS[self.line_end]


def read_profile(path: Path, *, on: date) -> Vendor:
    """The profile, its key as armored text. Raises OperatorError naming file, key and fix.

    `on`: the day on which the vendor's key must be usable.
    """
    try:
        vendor = Vendor.model_validate(parse_toml(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.toml")))
        raise OperatorError(f"mailing.vendor: no profile {path.name}; one of {known}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path}: no valid TOML: {error}") from None
    except ValidationError as error:
        raise OperatorError(f"{path}: {_first(error)}") from None
    if vendor.openpgp is None:
        return vendor
    own = vendor.openpgp.model_copy(update={"key": _armored(path, vendor.openpgp)})
    problem = _unusable(own, on)
    if problem:
        raise OperatorError(f"{path}: {problem}")
    return vendor.model_copy(update={"openpgp": own})


def closed_to(key: OpenPgp, data: bytes) -> bytes:
    """The data encrypted to the vendor's key: binary OpenPGP, other bytes each time."""
    return pysequoia.encrypt(data, [pysequoia.Cert.from_bytes(key.key.encode())], armor=False)


def _first(error: ValidationError) -> str:
    """Key and message of the first problem; our own messages name their key themselves."""
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(key) for key in first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    return f"{where}: {said}" if where else said


def _armored(path: Path, named: OpenPgp) -> str:
    if named.key.lstrip().startswith(_ARMOR):
        return named.key
    if Path(named.key).name != named.key:
        raise OperatorError(
            f"{path}: openpgp.key: name a file in the same folder, or put the armored key here"
        )
    try:
        return (path.parent / named.key).read_text(encoding="ascii")
    except FileNotFoundError:
        raise OperatorError(
            f"{path}: openpgp.key: no file {named.key} beside the profile"
        ) from None
    except UnicodeDecodeError:
        raise OperatorError(
            f"{path}: openpgp.key: {named.key} is not armored; export it as text"
        ) from None


def _unusable(named: OpenPgp, on: date) -> str | None:
    """Why nothing may be encrypted to the key on that day; None where it is good."""
    try:
        found = pysequoia.Cert.split_bytes(named.key.encode())
        certificate = found[0]
    except Exception:  # noqa: BLE001 - the library raises types of its own for a bad key
        return "openpgp.key: no OpenPGP public key; ask the vendor for it again"
    ends = certificate.expiration
    faults = {
        "openpgp.key: several keys; keep the vendor's one": len(found) > 1,
        "openpgp.key: a secret key; it is the vendor's alone, put the public one": _works(
            lambda: pysequoia.Tsk.from_bytes(named.key.encode()).certifier()
        ),
        "openpgp.fingerprint: not that of openpgp.key; ask the vendor, by telephone, which is right": (
            certificate.fingerprint.lower() != named.pinned
        ),
        "openpgp.key: revoked; ask the vendor for its new key": certificate.is_revoked,
        "openpgp.key: expired; ask the vendor for its new key": ends is not None
        and ends.date() < on,
        "openpgp.key: nothing can be encrypted to it; ask the vendor for one that can": not _works(
            lambda: closed_to(named, b"")
        ),
    }
    return next((fault for fault, there in faults.items() if there), None)


def _works(use: Callable[[], object]) -> bool:
    try:
        use()
    except Exception:  # noqa: BLE001 - the library raises types of its own for a bad key
        return False
    return True
