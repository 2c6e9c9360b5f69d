"""Address and words of claimed messages, read from the encrypted tables when they are about to leave.

Rows of `outbox` come in a chunk at a time; messages ready to be sent go out, or the code that says why
one never can be: then a letter goes out. Nothing of it is kept after the chunk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from matching.store import Workspace
from notify import printed
from notify.elsewhere import with_told_names
from notify.email.message import Frame, Letterhead, Refused, frame, mailbox, unsafe
from notify.email.outbox import Due
from notify.email.sender import Letter
from notify.email.settings import EmailSettings
from notify.email.texts import EmailWording, said
from notify.email.verp import tokens
from notify.letters.merge import element_sets
from notify.records import records_in_order

__all__ = ["Content", "letterhead"]

_PAIR = ["person_id", "entity_id"]
FRAMES = 4_000
"""Texts kept at one time, 6 KB each: practices in use times the sets of kinds of PHI found there."""


@dataclass(slots=True)
class Content:
    """Makes the messages of a run. `planned` has the columns of `outbox`."""

    workspace: Workspace
    settings: EmailSettings
    wording: EmailWording
    planned: pl.DataFrame
    _sets: pl.DataFrame = field(init=False)
    _practices: Mapping[str, str] = field(init=False)
    _shared: pl.Series = field(init=False)
    _frames: dict[tuple[str, bool, str, str], Frame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        pairs = self.planned.lazy().select(_PAIR).unique()
        found = self.workspace.scan("elements").join(pairs, on=_PAIR, how="semi")
        elements = found.collect(engine="streaming").sort(*_PAIR, "element")
        self._sets = element_sets(elements)
        names = self.workspace.read("entities", ["entity_id", "print_name"])
        self._practices = dict(names.iter_rows())
        shared = self.workspace.scan("nonidentifying").filter(pl.col("field") == "email")
        self._shared = shared.select("value").collect()["value"]

    def letters(
        self, rows: pl.DataFrame, due: Mapping[str, Due]
    ) -> tuple[list[Letter], dict[int, str]]:
        """Messages of these planned rows, and by place why others cannot be sent. The order is the rows'."""
        wide = self._wide(rows)
        made: list[Letter] = []
        refused: dict[int, str] = {}
        for row in wide.iter_rows(named=True):
            taken = due[row["mailpiece_id"]]
            try:
                address, domain, utf8 = _checked(row)
                words = self._frame(
                    row["language"], row["variant"], row["entity_id"], row["element_set"]
                )
            except Refused as why:
                refused[taken.place] = why.code
                continue
            made.append(
                Letter(
                    due=taken,
                    domain=domain,
                    address=address,
                    utf8=utf8,
                    name=row["recipient_name"],
                    number=row["reference_no"],
                    token=row["token"],
                    frame=words,
                )
            )  # fmt: skip
        return made, refused

    def samples(self, rows: pl.DataFrame) -> list[Frame]:
        """The words of each of these rows, without anyone's name."""
        wide = rows.join(self._sets, on=_PAIR, how="left", maintain_order="left")
        columns = ("language", "variant", "entity_id", "element_set")
        found = wide.select(columns).iter_rows()
        return [
            self._frame(self.wording.language(language), variant, entity, elements or "other")
            for language, variant, entity, elements in found
        ]

    def _wide(self, rows: pl.DataFrame) -> pl.DataFrame:
        members = pl.concat([rows["email_member"], rows["name_member"]]).drop_nulls().unique()
        wanted = members.sort().to_frame("member").with_row_index("seat")
        parts = [found for _, found in records_in_order(self.workspace, wanted)]
        records = pl.concat(parts)
        texts = pl.col("^(raw_)?(first|middle|last)_name$"), "suffix"
        names = printed.nfc(records.select(*texts)).select(printed.name())
        told = pl.concat([records.select("member", "email"), names], how="horizontal")
        addresses = told.select(email_member="member", address="email")
        by_name = told.drop("email").rename({"member": "name_member"})
        languages = {each: self.wording.language(each) for each in rows["language"].unique()}
        wide = rows.join(addresses, on="email_member", how="left", maintain_order="left")
        wide = wide.join(by_name, on="name_member", how="left", maintain_order="left")
        wide = with_told_names(self.workspace, wide)
        wide = wide.join(self._sets, on=_PAIR, how="left", maintain_order="left")
        return wide.with_columns(
            pl.col("element_set").fill_null("other"),
            pl.col("language").replace_strict(languages, return_dtype=pl.String),
            shared=pl.col("address").is_in(self._shared.implode()),
            token=tokens(self.workspace.keys, wide["mailpiece_id"]),
        )

    def _frame(self, language: str, variant: str, entity_id: str, elements: str) -> Frame:
        practice = self._practices.get(entity_id) or ""
        if not practice or unsafe(practice):
            raise Refused("local:practice_name")
        key = (language, variant.startswith("POSSIBLE_"), practice, elements)
        found = self._frames.get(key)
        if found is None:
            if len(self._frames) >= FRAMES:
                self._frames.clear()
            found = self._frames[key] = self.frame(*key)
        return found

    def frame(self, language: str, possible: bool, practice: str, elements: str) -> Frame:
        """The words of everybody at this practice with this set of kinds of PHI."""
        words = said(
            self.settings,
            self.wording,
            language=language,
            possible=possible,
            practice=practice,
            elements=elements,
        )
        return frame(words, letterhead(self.settings))


def letterhead(settings: EmailSettings) -> Letterhead:
    """Headers that all messages share."""
    return Letterhead(settings.sender, settings.email.from_name, settings.reply_to)


def _checked(row: Mapping[str, str | bool | None]) -> tuple[str, str, bool]:
    """Address, domain, and whether it needs SMTPUTF8. Raises Refused where it cannot be used."""
    if not row["address"]:
        raise Refused("local:no_address")
    if not row["recipient_name"]:
        raise Refused("local:no_name")
    if row["shared"]:  # a front desk's, or one that many people gave: others would read it
        raise Refused("local:shared_address")
    if unsafe(str(row["recipient_name"])):
        raise Refused("local:control_character")
    return mailbox(str(row["address"]))
