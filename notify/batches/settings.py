"""What the incident file says about batches, and which vendor's profile they follow."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import Field, computed_field

from matching.store import sha256_file
from notify.batches.vendors import Vendor, read_profile
from notify.letters.settings import CONFIGS, LettersSettings, folder_sha256

__all__ = ["BatchesSettings", "load_vendor"]


class BatchesSettings(LettersSettings):
    """Settings of the `batches` step; a changed vendor profile is a changed setting."""

    vendors: Path = Field(
        default=CONFIGS / "vendors", exclude=True, description="Folder of vendor profiles."
    )
    root: Path = Field(
        default=Path(), exclude=True, description="Folder of the incident file: where codes lie."
    )

    @computed_field(description="Digest of the vendor profiles.")  # type: ignore[prop-decorator]  # pydantic's own pattern
    @property
    def vendors_sha256(self) -> str:
        """Digest of every file in the vendors folder."""
        return folder_sha256(self.vendors)

    @property
    def codes_file(self) -> Path | None:
        """The vendor's list of monitoring codes; None where none are offered."""
        monitoring = self.mailing.monitoring
        return self.root / monitoring.codes if monitoring else None

    @computed_field(description="Digest of the list of monitoring codes.")  # type: ignore[prop-decorator]  # pydantic's own pattern
    @property
    def codes_sha256(self) -> str:
        """Digest of the file's bytes; empty where none are offered or it is missing."""
        path = self.codes_file
        return sha256_file(path) if path and path.is_file() else ""


def load_vendor(settings: BatchesSettings, *, on: date | None = None) -> Vendor:
    """The profile that `[mailing] vendor` names. Raises OperatorError naming file, key and fix.

    `on`: the day on which its key must be usable, where that is not the round's.
    """
    path = settings.vendors / f"{settings.mailing.vendor}.toml"
    return read_profile(path, on=on or settings.as_of)
