"""How people write identifiers, and the words that say what a number is.

Regexes are those of the Rust `regex` crate: no look-around, linear time. `D` is a digit after which a
line may have been wrapped. Nothing here was written on the benchmark's held-out texts.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ADDRESS",
    "CARD",
    "CODED",
    "DAY",
    "EMAIL",
    "INTERNATIONAL",
    "KEYWORDS",
    "LOCAL_PHONE",
    "MASKED_SSN",
    "NUMBER",
    "PHONE",
    "SKIPPED",
    "SSN",
    "STATES",
]

_D: Final = r"\d\n?"
_MONTH: Final = (
    r"(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
SKIPPED: Final = (
    r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b"  # UUID
    r"|\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b"  # an address of the Internet
    r"|\$\s?\d[\d,]*(?:\.\d\d)?"
    r"|\b1Z[0-9A-Z]{16}\b|\b9[2345]\d{2}(?: ?\d{4}){4,5}(?: ?\d{2})?\b"  # parcels
    r"|\b\d{4}-\d{4}-\d{2}\b|\b\d{5}-\d{4}-\d{1,2}\b|\b\d{5}-\d{3}-\d{2}\b"  # drug codes
    r"|\b\d{5}-\d{4}\b"  # ZIP+4
    r"|\b[A-Za-z]{2,8}-(?:19|20)\d\d-\d+\b"  # INV-2024-000123
)
DAY: Final = (
    r"\b(?:18|19|20)\d\d[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])(?:T[\d:.]+Z?|\b)"
    r"|\b\d{1,2}\s?[/.-]\s?\d{1,2}\s?[/.-]\s?(?:\d{4}|'?\d{2})\b"
    rf"|\b{_MONTH}\.?[ -]{{1,2}}\d{{1,2}}(?:st|nd|rd|th)?,?[ -]{{1,2}}(?:\d{{4}}|'?\d{{2}})\b"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)?[ -]*(?:of )?{_MONTH}\.?,?[ -]*(?:\d{{4}}|'?\d{{2}})\b"
)
_IN_SSN: Final = r"(?:[ \t]*[-.][ \t]*\n?[ \t]*|[ \t]+|\n)"
SSN: Final = rf"\b(?:{_D}){{2}}\d{_IN_SSN}{_D}\d{_IN_SSN}(?:{_D}){{3}}\d\b"
MASKED_SSN: Final = r"[xX*#\u2022]{3}[- ]?[xX*#\u2022]{2}[- ]?\d{4}\b"
CARD: Final = r"\b3[47]\d{2}[ -]?\d{6}[ -]?\d{5}\b|\b(?:[3-6]\d{3}[ -]?)(?:\d{4}[ -]?){2}\d{4}(?:[ -]?\d{1,3})?\b"
PHONE: Final = (
    rf"(?:(?:\+|\b(?:00)?)1[\s.-]*(?:\(\s?\d{{3}}\s?\)|(?:{_D}){{2}}\d)|\(\s?\d{{3}}\s?\)|\b(?:{_D}){{2}}\d)[\s./-]*"
    rf"(?:{_D}){{2}}\d[\s.-]*(?:{_D}){{3}}\d(?:[\s,]*(?:[xX]|[eE][xX][tT]\.?|extension|#)[\s.:]*\d{{1,6}})?\b"
)
INTERNATIONAL: Final = r"\+[2-9]\d{0,2}(?:[\s.-]?\(?\d{1,5}\)?){2,5}\b"
LOCAL_PHONE: Final = r"\b[2-9]\d{2}[-. ]\d{4}\b"
NUMBER: Final = "|".join(
    f"(?:{pattern})"
    for pattern in (
        SKIPPED, MASKED_SSN, DAY, SSN, CARD, PHONE, INTERNATIONAL, LOCAL_PHONE, r"\b\d{8,19}\b",
    )
)  # fmt: skip
"""Anything that may be a number of a person; the first of these that fits at a place is taken."""

KEYWORDS: Final = {
    "ssn": r"ssns?|ss ?#|ss ?no\.?|ss ?num\w*|s\.s\.n?\.?|soc(?:ial)?\.? ?sec\w*\.?|socials?|soc ?#|ss:|ss",
    "phone": (
        r"phones?|ph|tel|telephone|cell|cellphone|cel|mobile|mob|landline|call(?:ing|ed|s)?|text(?:ed|ing)?|reach(?:ed)?"
        r"|dial|contact|callback|call ?back|cb|whats ?app|home|daytime|evening|my number|her number|his number"
        r"|their number|best number|new number|phone number|[cpthmwo]:|sms|voicemail|vm|ring"
    ),
    "fax": r"fax(?:ed)?|facsimile",
    "date_of_birth": r"dobs?|d\.o\.b\.?|d/o/b|birth\w*(?: ?(?:date|day|dt))?|(?:date|day|year) of birth|b-?day|born|bd|bdate",
    "day": (
        r"appts?|appointments?|visit\w*|seen|dos|schedul\w+|resched\w+|moved|move|due|expires?|exp|since|until|recall|filed|paid|sent|date"
        r"|on file|started?|effective|eff|created|updated|signed|last|next|dated|posted|closed|opened|timestamp"
    ),
    "card": r"cards?|visa|master ?card|mc|amex|discover|cc|debit|credit",
    "member_id": (
        r"member(?:ship)?(?: ?id)?|subscriber(?: ?id)?|policy|polic[yi]e?s?|medicaid(?: ?id)?|medicare(?: ?id)?|insurance(?: ?id)?|ins id|plan id|mbi|ahcccs|hicn"
    ),
    "mrn": (
        r"mrns?|mr ?#|mr ?no\.?|med(?:ical)?\.? ?rec(?:ord)?s?|charts?|patient ?(?:id|no|number|num|#)|pt\.? ?(?:id|no|number|num|#)"
        r"|record ?(?:no|number|num|#|id)|acct|account|a/c"
    ),
    "npi": r"npis?",
    "other": (
        r"invoices?|inv|orders?|claims?|icn|dcn|auth\w*|pre-?auth\w*|ref|reference|referral|conf|confirmation|tracking|track|tickets?|cases?|lots?"
        r"|serial|s/n|sn|p\.?o\.?|groups?|grp|checks?|cheque|routing|aba|bank\w*|ein|tin|tax ?id|itin|fein|ndc|upc|sku|parts?|model|zip|tooth|teeth"
        r"|versions?|build|batch|specimen|sample|accession|barcode|locator|pin|codes?|imei|vin|passport|sequence|seq|manifest|permit|badge|unit|meter|eob|era|remit\w*|trans\w*|txn|receipts?|license|lic|dea|extension|order id|message|uuid|guid|hash|session|request|job"
        r"|ups|fedex|usps|estimate|quote|item|catalog|device|implant|warranty|voucher|coupon|balance|amount|total|statement|epoch|ids?"
    ),
}  # fmt: skip
"""Kind of number -> the words that announce it, lower case."""

CODED: Final = {
    "ssn4": (
        r"(?:last[ -]?(?:four|4)(?: digits)?(?: of)?(?: (?:my|his|her|their|the))?(?: (?:ssn|social\w*|soc)\b(?: sec\w*)?(?: num\w*)?)?"
        r"|(?:ssn|social|soc)\w*(?: sec\w*)?(?: num\w*)?(?: (?:is|was))? (?:ends?|ending)(?: (?:in|with))?"
        r"|(?:ssn|social)(?: [a-z]+){0,2} (?:except|besides|only|shows)|last[ -]?(?:four|4)(?: digits)?)"
    ),
    "mrn": (
        r"(?:mrns?|mr ?#|mr ?no|hrn|e?mpi|ehr ?(?:id|#|no|number)|ch ?#|(?:patient |pt )?file ?(?:no|number|#)|med(?:ical)?\.? ?rec(?:ord)?s?|emr ?(?:id|#|no|number)|chart(?: ?(?:no|num|number|id|#))?"
        r"|(?:patient|pt)\.?['s]{0,2} ?(?:id|no|num|number|#|acct|account)|(?:patient|medical|chart|health) ?record ?(?:id|no|num|number|#)?"
        r"|record ?(?:no|num|number|#)|acct|account|a/c)"
    ),
    "member_id": (
        r"(?:member(?:ship)? ?(?:id|no|num|number|#)|subscriber ?(?:id|no|num|number|#)|policy ?(?:id|no|num|number|#)"
        r"|(?:medicaid|medicare|insurance|ins|plan) ?(?:id|no|num|number|#)|mbi)"
    ),
    "npi": r"npi",
}  # fmt: skip
"""Kind of code -> the words right before it, lower case: these may stand before anything with a digit."""

_DOT: Final = r"(?:\s?[(\[{<](?i:dot)[)\]}>]\s?|\s(?i:dot)\s|\.)"
EMAIL: Final = (
    r"[\p{L}0-9][\p{L}0-9._%+'-]*@(?:[\p{L}0-9](?:[\p{L}0-9-]*[\p{L}0-9])?\.)+\p{L}{2,24}\b"
    rf"|\b[A-Za-z0-9][A-Za-z0-9._+-]*(?:{_DOT}[A-Za-z0-9_+-]+)?(?:\s?[(\[{{<](?i:at)[)\]}}>]\s?|\s(?i:at)\s|\s@\s|@\s|\s@)"
    rf"[A-Za-z0-9-]+(?:{_DOT}[A-Za-z0-9-]+){{0,2}}(?:{_DOT}|\s\.\s?)(?i:com|net|org|edu|gov|us|info|biz|io|co|me)\b"
)
STATES: Final = r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY])"
_STREET_WORD: Final = (
    r"(?i:street|st|avenue|ave|av|road|rd|drive|dr|lane|ln|court|ct|boulevard|blvd|place|pl|way|terrace|ter|circle|cir"
    r"|parkway|pkwy|highway|hwy|square|sq|trail|trl|loop|pike|alley|run|row|path|crossing|xing|plaza|cove)"
)
_UNIT: Final = r"(?:,?\s+(?i:apt|apartment|unit|ste|suite|fl|floor|rm|room|lot|#)\.?\s?#?\s?[A-Za-z0-9-]{1,6})?"
ADDRESS: Final = (
    rf"(?:\b\d{{1,6}}[A-Za-z]?(?:\s+(?:[NSEW]|NE|NW|SE|SW|North|South|East|West)\.?)?(?:\s+(?:[A-Za-z][A-Za-z'-]+|[A-Z]|[A-Za-z]{{1,3}}\.|\d{{1,3}}(?:st|nd|rd|th))){{1,4}}?\s+{_STREET_WORD}\b\.?"
    rf"(?:\s(?:[NSEW]|NE|NW|SE|SW)\b)?|(?i:\bp\.?\s?o\.?\s?box\s+\d+\b)){_UNIT}"
    rf"(?:[,\n]\s*(?:[A-Z][A-Za-z.'-]+\s?){{1,3}},?\s+{STATES}\b(?:[\s,]+\d{{5}}(?:-\d{{4}})?\b)?)?"
    rf"|\b[A-Z][A-Za-z.'-]+(?:\s[A-Z][A-Za-z.'-]+){{0,2}},\s*{STATES}[\s,]+\d{{5}}(?:-\d{{4}})?\b"
)
