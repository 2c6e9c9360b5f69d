"""One state for every person and covered entity: the rules, the first that fits decides.

They are ordered by who must act first: what is over, what may not be said, who speaks, what is held,
then how the person is reached. Works on the wide frame that `notify.notices.plan` puts together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from matching.tables import UNOWNED
from notify.notices import choose
from notify.notices.settings import NoticesSettings
from notify.notices.voices import KINDS
from notify.returns.schemas import NO_USABLE_ADDRESS

__all__ = ["RULES", "Rule", "decided", "variant_of", "with_address"]

_PROTECTED_YEARS = "50y"
"""PHI protection ends 50 years after death (45 CFR 160.103)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Where `when` holds: the ledger's state, the notice's channel, and why (empty: no notice)."""

    when: pl.Expr
    state: str
    channel: str
    reason: pl.Expr


def _says(reason: str) -> pl.Expr:
    return pl.lit(reason)


_NO_ADDRESS = pl.col("address_member").is_null() & pl.col("told_address").is_null()
_UNMAILABLE = _NO_ADDRESS | pl.col("name_member").is_null()
_NO_USABLE = pl.col("told_detail").is_in(NO_USABLE_ADDRESS).fill_null(value=False)
"""NCOALink: moved, and no address that can be used (DOMAIN 5.1)."""
_REACHED = {
    "home": "last_known_address",
    "alternate": "alternate_address",
    "representative": "representative",
}

RULES: tuple[Rule, ...] = (
    Rule(pl.col("affected") == "no_longer", "no_longer", "", _says("no_longer_affected")),
    Rule(pl.col("told") == "mailed", "mailed", "none", "already_told:" + pl.col("told_kind")),
    Rule(pl.col("told") == "e-mailed", "e-mailed", "none", "already_told:" + pl.col("told_kind")),
    Rule(pl.col("told") == "uncertain", "uncertain", "none", _says("uncertain_send")),
    Rule(pl.col("entity_id") == UNOWNED, "unowned", "", _says("no_entity_known")),
    Rule(pl.col("order_unclear"), "on_hold", "none", _says("exception:suppressed_record_is_not_one_persons")),
    Rule(pl.col("suppressed").is_not_null(), "excluded", "none", pl.col("suppressed")),
    Rule(pl.col("long_dead"), "excluded", "none", _says("deceased_over_50_years")),
    Rule(pl.col("told_by") == "ce", "ce_notifies", "ce", _says("entity_notifies")),
    Rule(pl.col("told_by") != "ba", "waiting_ce", "waiting_ce", _says("delegation_undecided")),
    Rule(pl.col("hold").is_not_null(), "on_hold", "none", "hold:" + pl.col("hold")),
    Rule(pl.col("disputed"), "on_hold", "none", _says("entity_disputes_patient")),
    Rule(pl.col("told").is_in(["rejected", "suppressed"]), "on_hold", "none",
         "exception:vendor_" + pl.concat_str("told", pl.col("told_detail").fill_null(""), separator=":")),
    Rule((pl.col("told") == "held") & ~_NO_USABLE, "on_hold", "none",
         "exception:vendor_held:" + pl.col("told_detail").fill_null("")),
    Rule(pl.col("deceased") & pl.col("representative_unclear"), "on_hold", "none",
         _says("exception:representative_not_readable")),
    Rule(
        pl.col("deceased") & _UNMAILABLE,
        "deceased_without_representative",
        "none",
        _says("no_representative_address"),
    ),
    Rule(
        pl.col("confidential") & (pl.col("address_kind") == "home").fill_null(value=True),
        "on_hold",
        "none",
        _says("confidential_communication"),
    ),
    Rule(pl.col("confidential") & pl.col("minor"), "on_hold", "none",
         _says("exception:minor_asked_for_confidence")),
    Rule(pl.col("agreed_to_email"), "queued", "email", _says("agreed_to_email")),
    Rule(_UNMAILABLE & (pl.col("told") == "returned"), "substitute", "substitute", _says("returned_mail")),
    Rule(_UNMAILABLE & pl.col("known_bad"), "substitute", "substitute", _says("address_known_bad")),
    Rule((pl.col("told") == "held") & pl.col("told_address").is_null(), "substitute", "substitute",
         "no_usable_address:" + pl.col("told_detail")),
    Rule(_UNMAILABLE, "substitute", "substitute", _says("no_mailable_address")),
    Rule(pl.col("waves_used_up"), "substitute", "substitute", _says("waves_used_up")),
    Rule(pl.col("faults").is_not_null(), "on_hold", "none", "exception:" + pl.col("faults")),
    Rule(pl.col("told_kind").is_not_null(), "queued", "mail", "instead_of:" + pl.col("told_kind")),
    Rule(
        pl.lit(value=True),
        "queued",
        "mail",
        pl.col("address_kind").replace_strict(_REACHED, default=None, return_dtype=pl.String),
    ),
)  # fmt: skip


def with_address(wide: pl.DataFrame) -> pl.DataFrame:
    """Add `address_kind`, `address` (score of the record that a letter would go to) and `told_address`.

    The deceased: their representative's. A confidential request: the alternative address, and the home
    address only shows that there is none. Else the last known home address: what was told since, where it is
    newer than the record's, which an unfinished correction still needs.
    """
    told_kind, newer = pl.col("place_kind"), pl.col("place_on") >= choose.as_of(pl.col("home"))
    homely = (told_kind == "home") & ~pl.col("deceased") & ~pl.col("confidential")
    home = (
        homely
        & newer.fill_null(value=True)
        & (pl.col("place_whole") | pl.col("home").is_not_null())
    )
    named = (told_kind == "representative") & pl.col("deceased") & pl.col("place_whole")
    used = (home | named).fill_null(value=False)
    kind = (
        pl.when(used)
        .then("place_kind")
        .when(pl.col("deceased"))
        .then(pl.when(pl.col("representative").is_not_null()).then(pl.lit("representative")))
        .when(pl.col("confidential") & pl.col("alternate").is_not_null())
        .then(pl.lit("alternate"))
        .when(pl.col("home").is_not_null())
        .then(pl.lit("home"))
    )
    chosen = (pl.when(pl.col("address_kind") == each).then(each) for each in KINDS)
    alone = pl.col("told_address").is_not_null() & pl.col("place_whole")
    return (
        wide.with_columns(address_kind=kind, told_address=pl.when(used).then("place_id"))
        .with_columns(address=pl.coalesce(chosen))
        .with_columns(address=pl.when(~alone.fill_null(value=False)).then("address"))
    )


def decided(wide: pl.DataFrame, settings: NoticesSettings) -> pl.DataFrame:
    """Add `ledger_state, channel, reason, variant, mail_by`; channel null where no notice is due."""
    ready = wide.with_columns(
        minor=_minor(settings),
        long_dead=(pl.col("died_on").dt.offset_by(_PROTECTED_YEARS) < settings.as_of).fill_null(
            value=False
        ),
        waves_used_up=(
            (pl.col("told") == "returned") & (pl.col("told_wave") >= settings.mailing.waves)
        ).fill_null(value=False),
    ).with_columns(agreed_to_email=_agreed_to_email())
    return ready.with_columns(
        ledger_state=_first(lambda rule: pl.lit(rule.state)),
        channel=_first(lambda rule: pl.lit(rule.channel or None, dtype=pl.String)),
        reason=_first(lambda rule: rule.reason),
        variant=variant_of(),
        mail_by=pl.max_horizontal(pl.col("due_on"), pl.lit(settings.mail_on)),
    )


def _first(value: Callable[[Rule], pl.Expr]) -> pl.Expr:
    chosen = pl.lit(None, dtype=pl.String)
    for rule in reversed(RULES):
        chosen = pl.when(rule.when).then(value(rule)).otherwise(chosen)
    return chosen


def _minor(settings: NoticesSettings) -> pl.Expr:
    """A minor on the day of mailing, by the age of majority of the state of residence."""
    of_age_on = pl.col("minor_on")
    for age in sorted(set(settings.majority.values())):
        states = sorted(state for state, years in settings.majority.items() if years == age)
        later = pl.col("minor_on").dt.offset_by(f"{age - 18}y")
        of_age_on = pl.when(pl.col("state").is_in(states)).then(later).otherwise(of_age_on)
    return (of_age_on > settings.mail_on).fill_null(value=False)


def _agreed_to_email() -> pl.Expr:
    """The entity holds an agreement not withdrawn since; adults only, nothing confidential or bounced."""
    withdrawn = (pl.col("withdrawn_on") >= pl.col("consent_on")).fill_null(value=False)
    plain = ~pl.col("confidential") & ~pl.col("deceased") & ~pl.col("minor")
    untold = pl.col("told").is_null()
    return (pl.col("consent_on").is_not_null() & ~withdrawn & plain & untold).fill_null(value=False)


def variant_of() -> pl.Expr:
    """ADULT, MINOR, DECEASED or PERSREP, with POSSIBLE_ where person or entity is uncertain."""
    base = (
        pl.when(pl.col("deceased") & pl.col("representative_named"))
        .then(pl.lit("PERSREP"))
        .when(pl.col("deceased"))
        .then(pl.lit("DECEASED"))
        .when(pl.col("minor"))
        .then(pl.lit("MINOR"))
        .otherwise(pl.lit("ADULT"))
    )
    possible = (pl.col("affected") == "possible") | (pl.col("status") == "possible")
    return pl.when(possible).then("POSSIBLE_" + base).otherwise(base)
