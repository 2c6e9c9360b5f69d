"""How well a column's values fit each target, in bits: for it above 0, against it below.

In: one Profile. Out: bits by target. A target that is not named here takes no evidence from values.
The numbers are judgements of likelihood ratios, capped where other meanings share the shape.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from matching.propose.fits import (
    FEW,
    RULED_OUT,
    birth_fit,
    city_fit,
    consent_on_fit,
    country_fit,
    deceased_fit,
    fit,
    flag_fit,
    full_name_fit,
    hint_fit,
    house_fit,
    id_of_practice_fit,
    language_fit,
    listed,
    name_fit,
    number_of_person_fit,
    own_email_fit,
    own_phone_fit,
    practice_email_fit,
    practice_phone_fit,
    provider_fit,
    recent_fit,
    record_id_fit,
    sex_fit,
    sparse,
    ssn_fit,
    state_fit,
    street_fit,
    street_name_fit,
    technical_fit,
    text_fit,
    told_by_header,
    unit_fit,
    zip_fit,
)
from matching.propose.profile import Profile

__all__ = ["FEW", "NON_EXCLUSIVE", "value_bits"]

_TARGETS: dict[str, Callable[[Profile], float]] = {
    "record_id": record_id_fit,
    "entity_id": id_of_practice_fit,
    "location_id": id_of_practice_fit,
    "tenant_id": id_of_practice_fit,
    "mrn": lambda p: number_of_person_fit(p) + 2 * (p.unique > 0.8 and p.fill > 0.3 and p.filled > 20 and p.of("zip") < 0.9),
    "member_id": lambda p: number_of_person_fit(p) + 0.5 * (p.length_mean > 7),
    "entity_hint": hint_fit,
    "entity_hint#city": lambda p: city_fit(p) - 1,
    "entity_hint#state": lambda p: state_fit(p) - 1,
    "entity_npi": lambda p: fit(p.of("npi"), 10, RULED_OUT - 2),
    "entity_phone": practice_phone_fit,
    "entity_email": practice_email_fit,
    "role": listed("role", 8, -6, 25),
    "elements": listed("element", 9, -6, 300),
    "first_name": lambda p: name_fit(p, first=True),
    "middle_name": lambda p: max(
        name_fit(p, first=True) - 1.5 + (1 if p.fill < 0.8 else 0) if p.of("initial") < 0.2 else -5.0,
        float(np.interp(p.of("initial"), [0.2, 0.5], [0, 6])) - 9 * (p.of("sex", "yes_no") > 0.9 and p.distinct < 5),
    ),
    "last_name": lambda p: name_fit(p, first=False),
    "suffix": lambda p: listed("generation", 8, -8, 20)(p) - 3 * (p.fill > 0.7),
    "previous_last_name": lambda p: name_fit(p, first=False) - 1 + (1 if p.fill < 0.4 else -3),
    "alias_names": lambda p: fit(p.of("letters"), 0, -8) - 1,
    "full_name": full_name_fit,
    "date_of_birth": birth_fit,
    "birth_order": lambda p: 1.0 if p.of("integer") > 0.9 and p.length_max == 1 else -8.0,
    "sex": sex_fit,
    "ssn": ssn_fit,
    "street": street_fit,
    "street#number": house_fit,
    "street#name": street_name_fit,
    "street2": unit_fit,
    "city": city_fit,
    "state": state_fit,
    "zip": zip_fit,
    "country": country_fit,
    "address_as_of": lambda p: recent_fit(p, often=True) - 0.5,
    "alternate_street": lambda p: sparse(street_fit(p), p),
    "alternate_city": lambda p: sparse(city_fit(p), p),
    "alternate_state": lambda p: sparse(state_fit(p), p),
    "alternate_zip": lambda p: sparse(zip_fit(p), p),
    "phone": lambda p: own_phone_fit(p) + (0.5 if p.fill > 0.6 else 0),
    "phone2": lambda p: own_phone_fit(p) - (0.5 if p.fill > 0.8 else 0),
    "email": own_email_fit,
    "guardian_first_name": lambda p: sparse(name_fit(p, first=True), p, 0.6),
    "guardian_last_name": lambda p: sparse(name_fit(p, first=False), p, 0.6),
    "representative_name": lambda p: sparse(full_name_fit(p), p, 0.2),
    "representative_street": lambda p: sparse(street_fit(p), p, 0.2),
    "representative_city": lambda p: sparse(city_fit(p), p, 0.2),
    "representative_state": lambda p: sparse(state_fit(p), p, 0.2),
    "representative_zip": lambda p: sparse(zip_fit(p), p, 0.2),
    "deceased_on": deceased_fit,
    "language": language_fit,
    "alt_format": lambda p: float(np.interp(p.of("format"), [0, 0.5], [-5, 9])),
    "email_consent_on": consent_on_fit,
    "email_consent_scope": lambda p: float(np.interp(p.of("scope"), [0, 0.8], [-5, 8])),
    "email_consent_withdrawn_on": lambda p: recent_fit(p, often=False),
    "confidential_address": flag_fit,
    "last_visit_on": lambda p: recent_fit(p, often=True) + 0.5,
    "provider": provider_fit,
}  # fmt: skip

NON_EXCLUSIVE: dict[str, Callable[[Profile], float]] = {
    "kind:diagnosis": lambda p: max(
        fit(p.of("icd10"), 8, -3), float(np.interp(p.of("disease"), [0.05, 0.4], [-3, 6]))
    ),
    "kind:treatment": lambda p: max(
        fit(p.of("cdt"), 9, -3),
        float(np.interp(p.of("procedure"), [0.05, 0.5], [-3, 7])),
        2.0 if p.of("cpt") > 0.9 and p.of("zip_known") < 0.5 and p.unique < 0.2 else -3.0,
    ),
    "kind:medication": lambda p: max(
        fit(p.of("ndc"), 9, -3), float(np.interp(p.of("medicine"), [0.05, 0.4], [-3, 6]))
    ),
    "kind:insurance": lambda p: float(np.interp(p.of("insurer"), [0.05, 0.4], [-2, 7])),
    "kind:payment": lambda p: float(np.interp(p.of("money"), [0.3, 0.8], [-2, 6])),
    "kind:card": lambda p: fit(p.of("card"), 11, -3),
    "kind:bank_account": lambda p: fit(p.of("aba"), 7, -3),
    "kind:photo": lambda p: float(np.interp(p.of("image"), [0.1, 0.6], [-3, 9])),
    "kind:driver_license": lambda p: fit(p.of("license"), 5, -3),
    "kind:appointment": lambda p: 5.0 if p.of("time") > 0.8 else -1.0,
    "kind:name": told_by_header,
    "kind:ssn": lambda p: 0.0,
    "kind:contact": told_by_header,
    "kind:guardian": told_by_header,
    "kind:representative": told_by_header,
    "kind:provider": told_by_header,
    "text": text_fit,
    "extra": technical_fit,
}
"""What several columns of a table may be at once."""


def value_bits(profile: Profile) -> dict[str, float]:
    """Bits by target; an empty column says nothing about any."""
    scores = {**_TARGETS, **NON_EXCLUSIVE}
    if not profile.filled:
        return dict.fromkeys(scores, 0.0)
    weight = min(1.0, 0.4 + 0.6 * profile.filled / FEW)
    return {target: weight * float(score(profile)) for target, score in scores.items()}
