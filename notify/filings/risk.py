"""The risk assessment of 45 CFR 164.402: four factors, the first computed, the others as typed.

A breach is presumed. The program computes the kinds of identifiers, how sensitive they are, and how many
people have which sets; it weighs nothing and never concludes that there was no breach. That word is a
person's: recorded by name, with all three typed factors and their evidence, or it is not in force.
"""

from __future__ import annotations

from typing import Any

from notify.filings.document import Document, Part, Rows
from notify.filings.sources import Sources
from notify.letters.dates import day_text

__all__ = ["assessment", "assessment_document"]

SETS_PRINTED = 25
"""Largest sets in the PDF; all of them are in the JSON."""
_FACTORS = {
    "factor2": "2. Who received or used the information",
    "factor3": "3. Whether the information was actually acquired or viewed",
    "factor4": "4. How far the risk has been mitigated",
}
_LIKELIHOOD = {
    "directly": "identified by the data itself",
    "together": "likely to be identified: two or more of the values together",
    "one": "possible with other sources: one such value",
    "no": "not by these kinds alone",
}


def assessment(sources: Sources) -> dict[str, Any]:
    """The four factors and the decision, JSON-ready; no date but those recorded."""
    words, kinds = sources.words, sources.kinds
    people, everyone = kinds.people(), sources.counts.get((None, None))
    sets = [
        {"elements": elements.split("|"), "people": count, **_weighed(sources, elements.split("|"))}
        for elements, count in kinds.sets.select("elements", "people").iter_rows()
        if elements
    ]
    return {
        "schema": "affected.risk/1",
        "incident": sources.settings.incident.id,
        "rule": "45 CFR 164.402, breach, paragraph (2)",
        "factor1": {
            "people": everyone.document() if everyone else None,
            "kinds": [
                {"element": element, "label": words.label(element), "people": count,
                 "identifies": words.kind(element).identifies,
                 "sensitivity": words.kind(element).sensitivity}
                for element, count in people.items()
            ],
            "sets": sets,
            "reidentification": _totals(sets, "reidentification"),
            "sensitivity": _totals(sets, "sensitivity"),
        },
        **{name: _typed(sources, name) for name in _FACTORS},
        "decision": _decision(sources),
    }  # fmt: skip


def assessment_document(sources: Sources, found: dict[str, Any]) -> Document:
    """The same, to be printed."""
    settings, factor1 = sources.settings, found["factor1"]
    return Document(
        title="Risk assessment of the breach, 45 CFR 164.402",
        sender=settings.business_associate.model_dump(mode="json"),
        addressee=[settings.incident.title, f"Incident {settings.incident.id}"],
        facts=[["Date", day_text(settings.as_of, "en")]],
        opening=[
            (
                "An acquisition, access, use or disclosure of protected health information that the Privacy Rule "
                "does not permit is presumed to be a breach, unless a low probability that the information has been "
                "compromised is demonstrated by an assessment of at least the four factors below."
            ),
            settings.incident.what_happened,
        ],
        parts=[
            _kinds_part(factor1),
            _sets_part(sources, factor1),
            *(_typed_part(heading, found[name]) for name, heading in _FACTORS.items()),
            _decision_part(found["decision"]),
        ],
        closing=[],
        footer=f"Risk assessment · {settings.incident.id} · Confidential",
        synthetic=sources.synthetic,
    )


def _weighed(sources: Sources, elements: list[str]) -> dict[str, str]:
    """How likely the people of a set are to be known by it, and the most sensitive kind in it."""
    kinds = [sources.words.kind(element) for element in elements]
    named = [kind.identifies for kind in kinds]
    if "directly" in named:
        how = "directly"
    else:
        how = ("no", "one", "together")[min(named.count("together"), 2)]
    levels = {kind.sensitivity for kind in kinds}
    worst = next(level for level in ("high", "moderate", "low") if level in levels)
    return {"reidentification": _LIKELIHOOD[how], "sensitivity": worst}


def _totals(sets: list[dict[str, Any]], of: str) -> dict[str, int]:
    totals: dict[str, int] = {}
    for found in sets:
        totals[found[of]] = totals.get(found[of], 0) + found["people"]
    return dict(sorted(totals.items()))


def _typed(sources: Sources, name: str) -> dict[str, str]:
    risk = sources.risk.risk
    return {"text": getattr(risk, name), "evidence": getattr(risk, f"{name}_evidence")}


def _decision(sources: Sources) -> dict[str, Any]:
    """`notify`, unless a named person recorded otherwise on all factors with their evidence."""
    risk, by, on = sources.risk
    open_points = [
        f"{name}: {what} is missing"
        for name in _FACTORS
        for what, value in (("text", getattr(risk, name)), ("evidence", getattr(risk, f"{name}_evidence")))
        if not value
    ]  # fmt: skip
    typed = risk.decision
    if typed == "low_probability" and by is None:
        open_points.append("decision: only recorded by name and day it is in force")
    in_force = typed if not (typed == "low_probability" and open_points) else "notify"
    return {
        "in_force": in_force,
        "typed": typed,
        "by": by,
        "on": on.isoformat() if on else None,
        "open_points": open_points,
    }


def _kinds_part(factor1: dict[str, Any]) -> Part:
    names = {"directly": "by itself", "together": "with others", "no": "no"}
    rows = [
        [kind["label"], names[kind["identifies"]], kind["sensitivity"], f"{kind['people']:,}"]
        for kind in factor1["kinds"]
    ]
    people = factor1["people"]
    count = (
        f"Individuals: {people['confirmed']:,} confirmed, {people['expected']:,} expected (95 % interval "
        f"{people['expected_low']:,} to {people['expected_high']:,}), at most {people['upper']:,}."
        if people
        else "Individuals: not counted."
    )
    return Part(
        heading="1. Nature and extent of the information: kinds of identifiers",
        paragraphs=[
            count,
            (
                "Computed from the rows of each person. People who may be one person are counted apart here, and "
                "people whose kinds are not known are left out."
            ),
        ],
        bullets=[],
        table=Rows(
            ["Kind of information", "Names a person", "Sensitivity", "Individuals"], rows, 1
        ),
        after=[],
    )


def _sets_part(sources: Sources, factor1: dict[str, Any]) -> Part:
    sets = factor1["sets"]
    rows = [
        [", ".join(sources.words.listed(dict.fromkeys(found["elements"], 0))),
         f"{found['reidentification']}; sensitivity {found['sensitivity']}", f"{found['people']:,}"]
        for found in sets[:SETS_PRINTED]
    ]  # fmt: skip
    rest = len(sets) - len(rows)
    more = [f"{rest:,} smaller sets are listed in assessment.json."] if rest > 0 else []
    told = [
        f"{how.capitalize()}: {n:,} individuals." for how, n in factor1["reidentification"].items()
    ]
    return Part(
        heading="1. (continued) Likelihood of re-identification, by what a person's rows hold together",
        paragraphs=told,
        bullets=[],
        table=Rows(
            ["Set of kinds that a person's rows hold", "Re-identification", "Individuals"], rows, 1
        ),
        after=more,
    )


def _typed_part(heading: str, factor: dict[str, str]) -> Part:
    text = (
        factor["text"] or "Nothing is recorded. The presumption of a breach stands on this factor."
    )
    evidence = (
        f"Evidence: {factor['evidence']}." if factor["evidence"] else "Evidence: none recorded."
    )
    return Part(heading=heading, paragraphs=[text, evidence], bullets=[], after=[])


def _decision_part(decision: dict[str, Any]) -> Part:
    if decision["in_force"] == "notify":
        said = ["The breach is presumed, and the individuals are notified."]
    else:
        said = [
            (
                f"{decision['by']} recorded on {decision['on']} that a low probability of compromise is demonstrated. "
                "This is that person's conclusion, not the program's: it goes on preparing notices until they are stopped."
            )
        ]
    if decision["typed"] != decision["in_force"]:
        said.append("A low probability was typed in, but it is not in force:")
    shown = decision["open_points"] if decision["typed"] == "low_probability" else []
    return Part(heading="Decision", paragraphs=said, bullets=list(shown), after=[])
