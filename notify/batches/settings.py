"""What the incident file says about batches, and a vendor's profile."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, computed_field, model_validator

from matching.store import OperatorError
from matching.tables import MAIL_V1
from notify.batches.mail_v1 import ADDRESS_SEALED, ROW_SEALED
from notify.facts import BusinessAssociate, Closed
from notify.letters.settings import CONFIGS, LettersSettings, folder_sha256

__all__ = ["BatchesSettings", "Seed", "Vendor", "load_vendor"]

_LAST_LINE = re.compile(
    r"^(?P<city>.+?),?\s+(?P<state>[A-Z]{2})\s+(?P<zip5>\d{5})(?:-(?P<zip4>\d{4}))?$"
)


class BatchesSettings(LettersSettings):
    """Settings of the `batches` step; a changed vendor profile is a changed setting."""

    vendors: Path = Field(
        default=CONFIGS / "vendors", exclude=True, description="Folder of vendor profiles."
    )

    @computed_field(description="Digest of the vendor profiles.")  # type: ignore[prop-decorator]  # pydantic's own pattern
    @property
    def vendors_sha256(self) -> str:
        """Digest of every file in the vendors folder."""
        return folder_sha256(self.vendors)


class Seed(Closed):
    """A decoy letter that comes back to us."""

    name: str = Field(description="Name in capitals.")
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
    """Columns that a vendor does not want."""

    drop: tuple[str, ...] = Field(default=(), description="Unsealed columns of MAIL v1.")


class Vendor(Closed):
    """One profile of configs/vendors."""

    name: str = Field(description="Name of the profile.")
    rows_max: int = Field(
        default=250_000, gt=10, le=250_000, description="Rows of one file with seeds."
    )
    line_end: Literal["lf", "crlf"] = Field(default="lf", description="Line ends of the CSV.")
    mail_class: Literal["FCM"] = Field(default="FCM", description="First-class mail.")
    endorsement: Literal["RSR", "ESR_SD"] = Field(
        default="RSR", description="What the post does with returns."
    )
    plan: dict[str, bool | str] = Field(default_factory=dict, description="Printing plan.")
    rename: dict[str, str] = Field(
        default_factory=dict, description="MAIL v1 column = vendor's name."
    )
    columns: Columns = Field(default=Columns(), description="Columns left out.")
    seeds: tuple[Seed, ...] = Field(default=(), description="Decoys in every batch.")

    @model_validator(mode="after")
    def _keeps_what_is_sealed(self) -> Self:
        unknown = sorted({*self.rename, *self.columns.drop} - set(MAIL_V1))
        if unknown:
            raise ValueError(f"no MAIL v1 column {', '.join(unknown)}")
        sealed = {*ROW_SEALED, *ADDRESS_SEALED, "row_seal", "addr_seal"}
        refused = sorted(sealed & set(self.columns.drop))
        if refused:
            raise ValueError(f"columns.drop: {', '.join(refused)}: covered by a seal; keep it")
        if len(self.seeds) >= self.rows_max:
            raise ValueError("more seeds than rows_max; raise it")
        return self

    @property
    def pieces_max(self) -> int:
        """Rows of a batch beside its seeds."""
        return self.rows_max - len(self.seeds)


def load_vendor(settings: BatchesSettings) -> Vendor:
    """The profile that `[mailing] vendor` names. Raises OperatorError naming file, key and fix."""
    path = settings.vendors / f"{settings.mailing.vendor}.toml"
    try:
        return Vendor.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        known = ", ".join(sorted(p.stem for p in settings.vendors.glob("*.toml")))
        raise OperatorError(f"mailing.vendor: no profile {path.name}; one of {known}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path}: no valid TOML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(key) for key in first["loc"]) or "profile"
        raise OperatorError(f"{path}: {where}: {first['msg']}") from None
