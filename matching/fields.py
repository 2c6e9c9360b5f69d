"""The canonical fields: what a column of a delivered file can mean.

An incident file maps source columns to these names. Any may be missing; everything is text as delivered.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["CANONICAL_FIELDS", "FIELD_KINDS", "OF_AGE_YEARS", "PERSON_FIELDS", "ROLES"]

OF_AGE_YEARS = 18
"""No guarantor is younger. The few states where majority comes at 19 or 21 would only make it sharper."""
ROLES = ("patient", "guarantor", "lead", "employee", "provider", "emergency_contact")

PERSON_FIELDS: dict[str, str] = {
    "mrn": "Chart number, unique at one covered entity only.",
    "first_name": "Given name.",
    "middle_name": "Middle name or initial.",
    "last_name": "Family name.",
    "suffix": "Generation suffix: JR, SR, II ...",
    "previous_last_name": "Family names borne before, separated by `|`.",
    "alias_names": "Other full names in use, separated by `|`.",
    "full_name": "Name in one column; split where first and last name are absent.",
    "date_of_birth": "Birth date as delivered.",
    "birth_order": "1, 2, ... among children of one birth.",
    "sex": "Sex as delivered.",
    "ssn": "Social security number.",
    "member_id": "Health plan member number.",
    "street": "Delivery line of the home address.",
    "street2": "Second address line: unit, care of, PMB.",
    "city": "City of the home address.",
    "state": "State of the home address.",
    "zip": "ZIP or ZIP+4, text with leading zeros.",
    "country": "Country; empty means the United States.",
    "address_as_of": "Day on which the address was known to be good.",
    "alternate_street": "Confidential communications: where this person wants mail instead.",
    "alternate_city": "City of the alternate address.",
    "alternate_state": "State of the alternate address.",
    "alternate_zip": "ZIP of the alternate address.",
    "phone": "Telephone.",
    "phone2": "Second telephone.",
    "email": "E-mail address.",
    "guardian_first_name": "Given name of the parent or guardian.",
    "guardian_last_name": "Family name of the parent or guardian.",
    "representative_name": "Personal representative or next of kin of a deceased person.",
    "representative_street": "Delivery line of the representative.",
    "representative_city": "City of the representative.",
    "representative_state": "State of the representative.",
    "representative_zip": "ZIP of the representative.",
    "deceased_on": "Day of death, or any text that says the person is deceased.",
    "language": "Language of notices, BCP-47 or its English name.",
    "alt_format": "Braille, large print ...",
    "email_consent_on": "Day on which the person agreed to notices by e-mail.",
    "email_consent_scope": "What the agreement covers; only `notices` or `all` admits a breach notice.",
    "email_consent_withdrawn_on": "Day on which that agreement was withdrawn.",
    "confidential_address": "Yes where a confidential-communication or address-confidentiality flag is set.",
    "last_visit_on": "Day of the last visit.",
    "provider": "Treating provider.",
}

CANONICAL_FIELDS: dict[str, str] = {
    "record_id": "The source's own id of the row.",
    "entity_id": "Covered entity as in the roster.",
    "entity_hint": "Practice name as free text.",
    "entity_npi": "National provider identifier of the practice.",
    "entity_phone": "Telephone of the practice.",
    "entity_email": "E-mail address or domain of the practice.",
    "location_id": "The vendor's id of one location.",
    "tenant_id": "The vendor's account id.",
    "role": "patient, guarantor, lead, employee, provider or emergency_contact.",
    "elements": "PHI kinds beyond the mapped columns, separated by `|`.",
    **PERSON_FIELDS,
}

FIELD_KINDS: Mapping[str, tuple[str, ...]] = {
    "name": ("first_name", "middle_name", "last_name", "full_name", "previous_last_name", "alias_names"),
    "contact": (
        "street", "street2", "city", "zip", "phone", "phone2", "email", "alternate_street",
        "alternate_city", "alternate_zip",
    ),
    "date_of_birth": ("date_of_birth",),
    "sex": ("sex",),
    "ssn": ("ssn",),
    "mrn": ("mrn",),
    "member_id": ("member_id",),
    "appointment": ("last_visit_on",),
    "provider": ("provider",),
    "guardian": ("guardian_first_name", "guardian_last_name"),
    "representative": ("representative_name", "representative_street"),
    "deceased": ("deceased_on",),
}  # fmt: skip
"""Kind of data -> canonical fields that are of it."""
