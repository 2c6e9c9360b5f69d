"""What filings say beside the tables: `[filings]` of the incident file, and the command's settings."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field

from notify.facts import BusinessAssociate, Closed, Counsel, Hold, Incident, Mailing, Risk

__all__ = ["Filings", "FilingsSettings"]

BreachType = Literal[
    "Hacking/IT Incident",
    "Improper Disposal",
    "Loss",
    "Theft",
    "Unauthorized Access/Disclosure",
]
Location = Literal[
    "Desktop Computer",
    "Electronic Medical Record",
    "Email",
    "Laptop",
    "Network Server",
    "Other Portable Electronic Device",
    "Paper/Films",
    "Other",
]
Safeguard = Literal[
    "None",
    "Privacy Rule Safeguards (Training, Policies and Procedures, etc.)",
    "Security Rule Administrative Safeguards (Risk Analysis, Risk Management, etc.)",
    "Security Rule Physical Safeguards (Facility Access Controls, Workstation Security, etc.)",
    "Security Rule Technical Safeguards (Access Controls, Transmission Security, etc.)",
]
Action = Literal[
    "Adopted encryption technologies",
    "Changed password/strengthened password requirements",
    "Created a new/updated Security Rule Risk Management Plan",
    "Implemented new technical safeguards",
    "Implemented periodic technical and nontechnical evaluations",
    "Improved physical security",
    "Performed a new/updated Security Rule Risk Analysis",
    "Provided business associate with additional training on HIPAA requirements",
    "Provided individuals with free credit monitoring",
    "Revised business associate contracts",
    "Revised policies and procedures",
    "Sanctioned workforce members involved",
    "Took steps to mitigate harm",
    "Trained or retrained workforce members",
    "Other",
]


class Filings(Closed):
    """`[filings]`: what the forms of regulators ask and no table holds; what is missing is said, never made up."""

    breach_type: BreachType | None = Field(default=None, description="HHS form: type of breach.")
    breach_location: tuple[Location, ...] = Field(
        default=(), description="HHS form: where the information was."
    )
    entity_type: Literal["Health Plan", "Healthcare Clearing House", "Healthcare Provider"] = Field(
        default="Healthcare Provider", description="HHS form: kind of the covered entities."
    )
    safeguards_prior: tuple[Safeguard, ...] = Field(
        default=(), description="HHS form: safeguards in place before the breach."
    )
    actions_taken: tuple[Action, ...] = Field(
        default=(), description="HHS form: actions in response."
    )
    actions_text: str = Field(
        default="", description="The same in a sentence or two, for letters and the press."
    )
    contact_first_name: str = Field(
        default="", description="Given name of the business associate's contact."
    )
    contact_last_name: str = Field(default="", description="Family name of that contact.")
    contact_email: str = Field(default="", description="E-mail of that contact.")
    contact_phone: str = Field(default="", description="Telephone of that contact.")
    contact_phone_usage: Literal["Home/Cell", "Work"] = Field(
        default="Work", description="HHS form: what that telephone is."
    )
    notice_end_on: date | None = Field(
        default=None, description="Day on which the last letter is expected to go out."
    )
    attested_by: str = Field(default="", description="Who attests the HHS form.")
    credit_monitoring_months: int = Field(
        default=0, ge=0, description="Months of credit monitoring that are offered; 0: none."
    )


class FilingsSettings(Closed):
    """Settings of the command that plans and releases filings."""

    incident: Incident = Field(description="`[incident]`.")
    business_associate: BusinessAssociate = Field(description="`[business_associate]`.")
    as_of: date = Field(description="The round's today: date of the letters.")
    holds: tuple[Hold, ...] = Field(default=(), description="`[[holds]]`.")
    risk: Risk = Field(default=Risk(), description="`[risk]`.")
    mailing: Mailing = Field(default=Mailing(), description="`[mailing]`.")
    counsel: Counsel = Field(default=Counsel(), description="`[counsel]`.")
    filings: Filings = Field(default=Filings(), description="`[filings]`.")
    texts: Path = Field(exclude=True, description="Folder of texts: configs/filings.")
    elements: Path = Field(exclude=True, description="Kinds of PHI in words: elements.toml.")
    jurisdictions: Path = Field(exclude=True, description="Folder of rule rows (TOML).")
