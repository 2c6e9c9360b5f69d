"""What the incident file says about the incident itself, as the notify steps read it.

The models are closed: an unknown key is refused. No wall clock: `as_of` is today.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from matching.tables import ELEMENT_KINDS

__all__ = [
    "BusinessAssociate",
    "Closed",
    "Counsel",
    "Email",
    "Hold",
    "Imb",
    "Incident",
    "Mailing",
    "Monitoring",
    "Presumed",
    "Risk",
]


class Closed(BaseModel):
    """A frozen model that refuses unknown keys and never prints what it was given."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Incident(Closed):
    """`[incident]`: dates are civil; discovery is the earlier of known and should have known."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{1,40}$", description="Short id, lower case.")
    title: str = Field(description="Name of the incident as people see it.")
    synthetic: bool = Field(
        default=False, description="Made-up data: watermark, --approve-all allowed."
    )
    as_of: date | None = Field(
        default=None, description="Today, for every age, clock and days left."
    )
    breach_start: date | Literal["unknown"] = Field(description="First day of the breach.")
    breach_end: date | Literal["unknown"] = Field(description="Last day of the breach.")
    known_on: date = Field(description="Day the business associate knew.")
    should_have_known_on: date | None = Field(
        default=None, description="Day it would have known by reasonable diligence."
    )
    should_have_known_reason: str = Field(default="", description="Why that day.")
    what_happened: str = Field(description="One plain paragraph for letters.")
    what_happened_by_language: dict[str, str] = Field(
        default_factory=dict,
        description="The same in other languages; without it a letter says a neutral text.",
    )

    @property
    def discovered_on(self) -> date:
        """First day known, or that by reasonable diligence would have been known (164.404(a)(2))."""
        return min(self.known_on, self.should_have_known_on or self.known_on)

    @model_validator(mode="after")
    def _dates_in_order(self) -> Self:
        start, end = self.breach_start, self.breach_end
        if isinstance(start, date) and isinstance(end, date) and end < start:
            raise ValueError(
                f"breach_end ({end}) is before breach_start ({start}); correct one of them"
            )
        if isinstance(start, date) and self.discovered_on < start:
            raise ValueError(
                f"known_on / should_have_known_on ({self.discovered_on}) is before breach_start ({start});"
                " correct one of them"
            )
        if self.should_have_known_on and self.should_have_known_on > self.known_on:
            raise ValueError(
                f"should_have_known_on ({self.should_have_known_on}) is after known_on"
                f" ({self.known_on}); correct one of them"
            )
        if self.as_of and self.as_of < self.known_on:
            raise ValueError(
                f"as_of ({self.as_of}) is before known_on ({self.known_on}); correct one of them"
            )
        return self


class BusinessAssociate(Closed):
    """`[business_associate]`: who lost the data and whom people can reach."""

    name: str = Field(description="Legal name.")
    toll_free: str = Field(description="Toll-free number of the call centre.")
    email: str = Field(description="E-mail address for questions.")
    website: str = Field(description="Web page of the incident.")
    address: tuple[str, ...] = Field(min_length=1, description="Postal address, a line each.")


class Presumed(Closed):
    """`[[presumed]]`: people of an entity believed affected although no row was recovered."""

    entity_id: str = Field(description="Entity of the roster.")
    basis: str = Field(description="Why they are believed affected.")


class Hold(Closed):
    """`[[holds]]`: law-enforcement holds stop clocks; regulator and court holds stop sending only."""

    kind: Literal["law_enforcement_written", "law_enforcement_oral", "regulator", "court"] = Field(
        description="Who asked and how."
    )
    entity_id: str = Field(default="", description="Entity it covers; empty: all.")
    official: str = Field(description="Name of the official.")
    agency: str = Field(description="Agency.")
    stated_on: date = Field(description="Day of the statement.")
    until: date | None = Field(default=None, description="Last day; oral: at most 30 days on.")

    @model_validator(mode="after")
    def _dates_in_order(self) -> Self:
        if self.until and self.until < self.stated_on:
            raise ValueError(
                f"until ({self.until}) is before stated_on ({self.stated_on}); correct one of them"
            )
        return self


class Risk(Closed):
    """`[risk]`: factors 2 to 4 of 164.402, typed by people; the default is to notify."""

    factor2: str = Field(default="", description="Who received or used the data.")
    factor2_evidence: str = Field(default="", description="Evidence number.")
    factor3: str = Field(default="", description="Was it actually acquired or viewed.")
    factor3_evidence: str = Field(default="", description="Evidence number.")
    factor4: str = Field(default="", description="How far the risk was mitigated.")
    factor4_evidence: str = Field(default="", description="Evidence number.")
    decision: Literal["notify", "low_probability"] = Field(
        default="notify", description="Decision."
    )


class Monitoring(Closed):
    """`[mailing] monitoring`: codes of a credit-monitoring vendor, each given to one person once."""

    codes: str = Field(description="CSV with a column `code`, a code a row; relative to this file.")
    months: int = Field(ge=1, le=99, description="Months of monitoring that a code opens.")
    enroll_by: date = Field(description="Last day to enrol.")
    elements: tuple[str, ...] = Field(
        min_length=1,
        description="Kinds of data: a person gets a code where the entity held one of them.",
    )

    @model_validator(mode="after")
    def _kinds_are_known(self) -> Self:
        unknown = sorted(set(self.elements) - set(ELEMENT_KINDS))
        if unknown:
            raise ValueError(f"elements: no kind {unknown[0]}; of {', '.join(ELEMENT_KINDS)}")
        return self


class Imb(Closed):
    """`[mailing.imb]`: the Intelligent Mail barcode, where we and not the vendor give its number."""

    barcode_id: str = Field(
        default="00", pattern=r"^[0-9][0-4]$", description="Presort level; 00: none printed."
    )
    service_type: str = Field(pattern=r"^[0-9]{3}$", description="STID of class and services.")
    mid: str = Field(
        pattern=r"^([0-8][0-9]{5}|9[0-9]{8})$", description="Mailer id, 6 or 9 digits."
    )
    serial_from: int = Field(
        default=1,
        ge=0,
        description="First serial number, past those this mailer id used in 180 days.",
    )

    @property
    def serial_digits(self) -> int:
        """Digits of a serial number: 15 with those of the mailer id."""
        return 15 - len(self.mid)


class Mailing(Closed):
    """`[mailing]`: how letters go out."""

    vendor: str = Field(default="plain", description="Profile of configs/vendors.")
    planned_mail_on: date | None = Field(default=None, description="Day of mailing; default as_of.")
    waves: int = Field(
        default=3,
        ge=1,
        description="Highest wave: who is not reached by then gets substitute notice.",
    )
    cross_entity_addresses: bool = Field(
        default=False, description="Use another entity's chart for an address."
    )
    monitoring: Monitoring | None = Field(
        default=None,
        description="Credit monitoring that letters offer: `{codes, months, enroll_by, elements}`; a row of the file `codes` for each person with one of these kinds of data, used once.",
    )
    qr_address: str = Field(
        default="",
        description="Web page of the QR code, as counsel set it; empty: business_associate.website.",
    )
    imb: Imb | None = Field(
        default=None, description="Numbers of the barcode; absent: the vendor's."
    )


class Email(Closed):
    """`[email]`: the relay for people who agreed to e-mail."""

    host: str = Field(default="127.0.0.1", description="SMTP host.")
    port: int = Field(default=587, ge=1, le=65_535, description="SMTP port.")
    tls: Literal["starttls", "tls"] = Field(default="starttls", description="Always encrypted.")
    ca_file: str = Field(
        default="", description="PEM file of a private relay's CA; empty: the system's."
    )
    username: str = Field(default="", description="Login at the relay; empty: none.")
    password_file: str = Field(
        default="",
        description="File that holds the password; empty: AFFECTED_SMTP_PASSWORD of the environment.",
    )
    from_address: str = Field(default="", alias="from", description="From address.")
    from_name: str = Field(
        default="", description="Name beside it, where counsel agreed; it shows before opening."
    )
    reply_to: str = Field(
        default="", description="Watched mailbox for answers; empty: business_associate.email."
    )
    bounce_domain: str = Field(
        default="", description="Domain of bounce+TOKEN@; empty: that of the From address."
    )
    canary: tuple[str, ...] = Field(
        default=(), description="Addresses of ours that get every wave's text first."
    )
    clocks_to: tuple[str, ...] = Field(
        default=(), description="Addresses of ours that are told when a clock is red."
    )
    connections: int = Field(default=8, ge=1, le=100, description="Connections to the relay.")
    domain_connections: int = Field(
        default=0, ge=0, description="Of these at most, to one recipient domain; 0: no limit."
    )
    rate: float = Field(default=0.0, ge=0, description="Messages a second; 0: no limit.")
    rates: dict[str, float] = Field(
        default_factory=dict, description="Messages a second by domain."
    )
    policy_lifted_on: date | None = Field(
        default=None,
        description="Domains that refused us (5.7.x) before this day get mail again.",
    )
    warm_up_first_day: int = Field(
        default=0, ge=0, description="Messages of the first day, doubling each day; 0: no limit."
    )
    reply_timeout_s: float = Field(
        default=600.0, gt=0, description="Seconds to wait for the answer to a message."
    )
    retry_hours: int = Field(
        default=72, ge=1, description="A refusal for now is tried again for so long."
    )
    uncertain_wait_hours: int = Field(
        default=48, ge=0, description="Then an uncertain send becomes a letter."
    )


class Counsel(Closed):
    """`[counsel]`: decisions the program must not take, each with its cautious default."""

    appointment_is_medical: bool = Field(
        default=True, description="An appointment time is medical data."
    )
    lead_is_phi: bool = Field(default=True, description="Leads and prospects are told.")
    returned_refused_is_notified: bool = Field(
        default=False, description="REF and UNC count as told."
    )
    combined_letters: bool = Field(default=False, description="One letter for several entities.")
    sold_entity_counts_at_discovery: bool = Field(
        default=True, description="People of a sold practice count at its owner of discovery day."
    )
    emergency_contacts_notified: bool = Field(
        default=True, description="Emergency contacts are told."
    )
    guarantors_notified: bool = Field(default=True, description="Guarantors on a row are told.")
    reminder_opt_in_is_email_consent: bool = Field(
        default=False, description="Reminder opt-in suffices."
    )
    employees_notified: bool = Field(default=False, description="Staff rows are told under HIPAA.")
    statute_version: Literal["event", "notice"] = Field(
        default="notice", description="Law in force on the day of the event or of the notice."
    )
    massachusetts_wording: Literal["hipaa", "state"] = Field(
        default="hipaa", description="MA letters."
    )
    unreviewed_state_texts: bool = Field(
        default=False, description="Letters bear state texts that nobody has reviewed."
    )
    unreachable_entity: Literal["wait", "ba_notifies"] = Field(
        default="wait", description="What happens when a covered entity cannot be reached."
    )
    filed_number: Literal["confirmed", "expected", "upper"] = Field(
        default="upper",
        description="Number that filings report: confirmed and those reasonably believed affected.",
    )

    working_data_may_go_on: date | None = Field(
        default=None,
        description="From this day `affected purge --leak` may make leaked data unreadable; not said: never.",
    )

    @property
    def email_scopes(self) -> tuple[str, ...]:
        """Scopes of an agreement under which a notice may go by e-mail."""
        reminders = ("reminders",) if self.reminder_opt_in_is_email_consent else ()
        return ("notices", "all", *reminders)
