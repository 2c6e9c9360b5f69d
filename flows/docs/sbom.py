"""The software bill of materials (CycloneDX 1.6) of what a plain installation brings, from package metadata.

Versions are those of `constraints.txt`; the optional `text` extra is not part of it. No time and no serial
number: equal dependencies give equal text.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flows.docs import ROOT

__all__ = ["Component", "components", "sbom_page"]

ROOT_NAME: Final = "affected"
_MACHINE: Final = {"python_version": "3.11", "python_full_version": "3.11.9", "sys_platform": "linux", "extra": ""}  # fmt: skip
_SPDX_OF_CLASSIFIER: Final = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_TOLD_ELSEWHERE: Final = {"partd": "BSD-3-Clause", "pyrage": "MIT", "text-unidecode": "Artistic-1.0-Perl"}  # fmt: skip
"""Read in the packages' licence files: their metadata names none, or (the last) names a choice unclearly."""

Component = dict[str, Any]


def sbom_page() -> str:
    """The whole document, sorted by name."""
    found = sorted(components(), key=lambda component: str(component["bom-ref"]))
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _own()},
        "components": [{k: v for k, v in one.items() if k != "needs"} for one in found],
        "dependencies": [
            {"ref": one["bom-ref"], "dependsOn": sorted(one["needs"])} for one in (_root(), *found)
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def components() -> Iterator[Component]:
    """Every distribution that `affected` needs, directly or not, once."""
    waiting, seen = _own_needs(), set[str]()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        extras = {e for e in requirement.extras if f"{name}[{e}]" not in seen}
        if name in seen and not extras:
            continue
        seen |= {f"{name}[{extra}]" for extra in extras}
        found = distribution(name)
        waiting += _needed(found, extras)
        if name not in seen:
            seen.add(name)
            yield _component(found)


def _own_needs() -> list[Requirement]:
    """As the project declares them now; what is installed of it may be older."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [Requirement(text) for text in declared["project"]["dependencies"]]


def _needed(found: Distribution, extras: set[str]) -> Iterator[Requirement]:
    for text in found.requires or ():
        requirement = Requirement(text)
        marker = requirement.marker
        wanted = [marker.evaluate({**_MACHINE, "extra": e}) for e in ("", *sorted(extras))] if marker else [True]  # fmt: skip
        if any(wanted):
            yield requirement


def _component(found: Distribution) -> Component:
    name = canonicalize_name(found.name)
    return {
        "type": "library",
        "bom-ref": name,
        "name": name,
        "version": found.version,
        "purl": f"pkg:pypi/{name}@{found.version}",
        "licenses": [{"expression": _licence(found)}],
        "needs": {canonicalize_name(r.name) for r in _needed(found, set())},
    }


def _own() -> Component:
    found = distribution(ROOT_NAME)
    return {
        "type": "application", "bom-ref": ROOT_NAME, "name": ROOT_NAME, "version": found.version,
        "licenses": [{"expression": _licence(found)}],
    }  # fmt: skip


def _root() -> Component:
    needs = {canonicalize_name(r.name) for r in _own_needs()}
    return {"bom-ref": ROOT_NAME, "needs": needs}


def _licence(found: Distribution) -> str:
    """An SPDX expression: the metadata's own, else that of its classifiers, else as read by us."""
    told = _TOLD_ELSEWHERE.get(canonicalize_name(found.name))
    expression = told or _told(found, "License-Expression")
    if expression:
        return expression
    prefix = "License :: OSI Approved :: "
    named = [c.removeprefix(prefix) for c in found.metadata.get_all("Classifier") or () if c.startswith(prefix)]  # fmt: skip
    known = sorted({_SPDX_OF_CLASSIFIER[name] for name in named if name in _SPDX_OF_CLASSIFIER})
    if known:
        return " OR ".join(known)
    short = _told(found, "License").strip()
    return short if re.fullmatch(r"[\w.+ -]{2,40}", short) else "NOASSERTION"


def _told(found: Distribution, key: str) -> str:
    return str(found.metadata[key]) if key in found.metadata else ""
