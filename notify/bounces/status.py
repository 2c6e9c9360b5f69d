"""From a status code and the words beside it to the kind of failure.

Codes are those of RFC 3463 and its registry; words speak only where the code is general (x.0.0, x.y.0), missing
or known to be used for anything (5.7.1, 5.4.x). Words are those of the common mail systems, in the languages
that their receivers set them to.
"""

from __future__ import annotations

import re

from notify.bounces.kinds import Kind

__all__ = [
    "best_status",
    "failure_kind",
    "says_delayed",
    "says_delivered",
    "says_failed",
    "status_in",
]

_ENHANCED = re.compile(r"(?<![\d.])([245])\.([0-7])\.(\d{1,3})(?!\d|\.\d)")
_REPLY = re.compile(r"(?<![\w.:/@+-])([45])([0-57]\d)(?=[ \-:;,)\]>]|$)", re.MULTILINE)
_GENERAL_REPLY = {"4": "4.0.0", "5": "5.0.0"}

_SOFT = {"5.2.2", "5.3.1", "5.4.7"}
"""Full mailbox, full system, and the common private code of an expired queue."""
_OF_THE_PERSON = {"5.7.13", "5.7.17", "5.7.18"}
"""Account disabled (registry), mailbox or domain has another owner since (RFC 7293): nothing to pause for."""
_OF_THE_SENDER = {"5.1.7", "5.1.8"}
"""Bad sender address, bad sender system: all mail to that domain will meet it."""


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_UNKNOWN = _words(
    r"user unknown", r"unknown (?:local )?(?:user|recipient|mailbox|address|account|or illegal)",
    r"no (?:such|valid) (?:user|mailbox|recipient|address|person|account|domain|local)",
    r"no (?:mailbox|account|user) (?:here|by|with|named)", r"(?:does|do|did) ?n[o']t (?:exist|have an? )",
    r"not (?:exist|listed|found|a valid|a known|known|recognized|recognised|our customer)",
    r"invalid (?:recipient|mailbox|address|user|e-?mail)", r"(?:recipient|user|address) (?:is )?invalid",
    r"unrout", r"host unknown", r"unknown host", r"mailbox unavailable", r"bad destination", r"non-?existent",
    r"no longer (?:valid|available|active|work|in use|with|employ|accept)", r"nxdomain",
    r"(?:account|mailbox|user|address|recipient).{0,40}(?:disabled|discontinued|suspended|closed|inactive|deleted|expired)",
    r"(?:disabled|inactive|closed|deactivated) (?:account|mailbox|user)", r"addressee unknown",
    r"unbekannt", r"existiert nicht", r"nicht gefunden", r"inconnu", r"n'existe pas", r"desconocid", r"no existe",
    r"no se (?:encontr|ha encontr)", r"n[aã]o existe", r"inesistente", r"sconosciut", r"onbekend", r"nie istnieje",
    r"не существует", r"不存在", r"存在しません", r"見つかりません",
)  # fmt: skip
_FULL = _words(
    r"quota", r"(?:mail)?(?:box|folder|store)(?:'s)? (?:for \S{1,100} )?(?:is |was |has )?(?:currently )?(?:too )?full",
    r"full mailbox", r"over.?(?:quota|limit)", r"exceed\w* .{0,40}(?:storage|mailbox|disk|allowed size)",
    r"mailbox (?:size )?(?:limit )?(?:is )?exceed", r"(?:storage|mailbox) (?:limit|space)", r"too much mail",
    r"insufficient (?:disk|storage|system storage|space)", r"(?:disk|system|inbox) (?:is )?full", r"out of (?:storage|disk|space)",
    r"postfach .{0,30}voll", r"postfach .{0,30}überfüllt", r"überfüllt", r"buz[oó]n .{0,30}llen[oa]", r"bo[iî]te .{0,40}pleine",
    r"casella .{0,30}piena", r"caixa .{0,40}cheia", r"postvak .{0,20}vol\b", r"переполнен", r"空间不足", r"容量",
)  # fmt: skip
_TOO_BIG = _words(r"message (?:size|is too|too|length|file)", r"mail size", r"too (?:large|big)")
_REFUSED = _words(
    r"spam", r"\bjunk\b", r"\bblock(?:ed|ing|list)", r"(?:black|deny|block).?list", r"\brbl\b", r"dnsbl", r"reputation",
    r"policy", r"policies", r"\bdmarc\b", r"\bdkim\b", r"\bspf\b", r"unsolicited", r"\bvirus\b", r"malware", r"not authori[sz]ed",
    r"prohibit", r"relay(?:ing)? (?:access )?(?:is )?(?:denied|not)", r"not (?:permitted|allowed)", r"authentication (?:required|failed|is)",
    r"access denied", r"content (?:filter|reject)", r"richtlinie", r"abgelehnt .{0,40}spam", r"banned", r"suspicious",
)  # fmt: skip
_EXPIRED = _words(
    r"expired", r"tim(?:ed?|ing).?out", r"retry time", r"too long", r"not reachable within", r"queue (?:period|time)",
    r"not responding", r"temporar", r"try again", r"tr(?:y|ied|ying) (?:for|since) ", r"connection (?:was )?(?:refused|reset|dropped|failed|lost)",
    r"establish an smtp", r"unreachable", r"gr[ae]y.?list", r"(?:for|within|after|in) \d+ (?:day|hour|attempt)", r"\d+ attempts",
    r"maximum .{0,20}(?:time|retr)", r"could not (?:connect|be contacted)", r"too many (?:connect|concurr|retr)",
)  # fmt: skip
_CERTAINLY_UNKNOWN = _words(
    r"user unknown",
    r"unknown user",
    r"no such (?:user|mailbox|recipient|address)",
    r"does ?n[o']t exist",
)

_WAITS = _words(
    r"will (?:be (?:re-?tri|re-?attempt)|re-?try|keep trying|continue|try again|still be)", r"still (?:being )?tr(?:y|ied)",
    r"warning only", r"(?:do|need) not (?:need to )?re-?send", r"not yet (?:been|be) ", r"has been delayed",
    r"is delayed", r"delivery (?:is |was |has been )?(?:temporarily )?(?:delay|deferred|suspended)", r"being retried", r"delayed mail",
    r"attempts? (?:to deliver .{0,60})?will (?:continue|be)", r"no action is required", r"message delayed", r"\(delay\)",
    r"continue(?:s)? (?:to try|trying)", r"wird (?:weiterhin )?versucht", r"verzögert", r"sigue intentando", r"se (?:ha )?retras",
    r"(?:nouvelle|autres?) tentative", r"en retard", r"atrasad", r"in ritardo", r"remains in the queue", r"has been postponed", r"advisory-only", r"could not send message for past",
)  # fmt: skip
_GIVEN_UP = _words(
    r"giv(?:en|ing) up", r"no (?:further|more) (?:attempt|deliver)", r"will not (?:be )?(?:re-?tri|re-?try|try|attempt)",
    r"not going to try", r"permanent(?:ly)? (?:fail|error|fatal)", r"permanent fatal", r"removed from the (?:mail )?queue", r"this is a permanent",
    r"retry time(?:out)? (?:not reached|exceeded)", r"has expired", r"endgültig",
)  # fmt: skip
_FAILED = _words(
    r"(?:not|n't|never|unable to|cannot|failed to|failure to) (?:be )?(?:deliver|reach|send|transmit|sent)", r"undeliver", r"non-?deliver",
    r"fail(?:ed|ure)", r"return(?:ed|ing)", r"bounce", r"reject", r"refused", r"delivery (?:error|problem)", r"fatal error",
    r"could not be", r"did ?n[o']t reach", r"no valid recip", r"unzustell", r"nicht zu(?:ge)?stell", r"konnte nicht", r"n'a pas (?:pu|été)",
    r"non remis", r"impossible", r"échec", r"no (?:se )?(?:pud|ha pod|ha sido|puede)", r"no entreg", r"não (?:foi|pode|pôde)",
    r"falha", r"non (?:è stato|può|consegn|recapit)", r"mancat", r"niet (?:worden|afgelever|bezorg)", r"onbestel", r"не (?:может|удалось|доставл)",
    r"недостав", r"配信.{0,10}(?:でき|不能|失敗)", r"エラー", r"退信", r"无法", r"失败", r"반송", r"실패", r"nie (?:można|dostarcz|zosta)",
)  # fmt: skip


_DELIVERED = _words(
    r"(?:has|have) been (?:successfully )?(?:delivered|relayed)", r"was (?:successfully )?delivered to", r"success(?:ful|fully) (?:mail )?deliver",
    r"\(success\)|\(relay\)", r"deliver\w* .{0,60}success", r"erfolgreich zugestellt", r"entregado correctamente",
)  # fmt: skip


def status_in(text: str) -> str | None:
    """The first enhanced status code of a failure in a text, else `5.0.0` or `4.0.0` of an SMTP reply, else null.

    A specific code beats a general one that stands before it.
    """
    codes = [found[0] for found in _ENHANCED.finditer(text) if found[1] != "2"]
    specific = [code for code in codes if not _is_general(code)]
    if specific or codes:
        return (specific or codes)[0]
    reply = _REPLY.search(text)
    return _GENERAL_REPLY[reply[1]] if reply else None


def best_status(given: str, said: str) -> str | None:
    """The status field where it is specific, else what the words beside it give, else the field."""
    found = _ENHANCED.search(given)
    own = found[0] if found else None
    told = status_in(said)
    if own is None:
        return told
    refines = told is not None and not told[2:].startswith("0.")
    within = own[2:].startswith("0.") or (told or "").startswith(own[:4])
    if _is_general(own) and refines and within:
        return told
    if own == "5.0.0" and told == "4.0.0":
        return told
    return own


def _is_general(status: str) -> bool:
    """It says no more than its class: none at all, x.0.y (some use it for anything), x.y.0."""
    return (
        not status
        or status.startswith("2.")
        or status[2:].startswith("0.")
        or status.endswith(".0")
    )


def failure_kind(status: str | None, said: str) -> Kind:
    """Hard, soft or policy, of a delivery that was given up."""
    status = status or ""
    if status.startswith("4.") or status in _SOFT:
        return Kind.SOFT
    if status in _OF_THE_SENDER:
        return Kind.POLICY
    if status.startswith("5.7."):
        of_person = status == "5.7.1" and _CERTAINLY_UNKNOWN.search(said)
        return Kind.HARD if of_person or status in _OF_THE_PERSON else Kind.POLICY
    if status.startswith("5.4.") and _EXPIRED.search(said) and not _UNKNOWN.search(said):
        return Kind.SOFT
    general = (
        status in {"", "2.0.0"} or status.endswith(".0") or status.startswith(("5.3.", "5.5."))
    )
    if status.startswith("5.2.") or general:
        return _by_words(said, general=general)
    return Kind.HARD


def _by_words(said: str, *, general: bool) -> Kind:
    if _FULL.search(said) and not _TOO_BIG.search(said):
        return Kind.SOFT
    if not general or _UNKNOWN.search(said):
        return Kind.HARD
    if _REFUSED.search(said):
        return Kind.POLICY
    return Kind.SOFT if _EXPIRED.search(said) else Kind.HARD


def says_delayed(text: str) -> bool:
    """The words of a warning: it is still being tried."""
    return bool(_WAITS.search(text)) and not _GIVEN_UP.search(text)


def says_delivered(text: str) -> bool:
    """The words of a notice of success."""
    return bool(_DELIVERED.search(text))


def says_failed(text: str) -> bool:
    """The words of a failed delivery, in any of the languages."""
    return bool(_FAILED.search(text) or _UNKNOWN.search(text) or _FULL.search(text))
