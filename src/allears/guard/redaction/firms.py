"""Firms, offices and institutions, by their suffix, their first word or their name; and what people do there."""

from __future__ import annotations

import re
from collections.abc import Iterable

from allears.guard.redaction.brands import BRANDS
from allears.guard.redaction.rule import Candidate, Find, Pattern, Rule, bounded, words

_CAP = r"\p{Lu}[\p{L}\p{M}\p{N}'’&\-]*"
SUFFIX = (
    r"Inc|Incorporated|Ltd|Limited|LLC|LLP|PLC|Plc|Corp|Corporation|Company|Co|GmbH|AG|KG|OHG|UG|e\.V|SE|S\.p\.A|SpA|S\.r\.l|Srl|SRL|Snc|S\.A|SA|SARL|SAS|EURL|S\.L|SL|Lda|Ltda|BV|B\.V|NV|N\.V"
    r"|Oy|Oyj|AB|ASA|A/S|ApS|Kft|Zrt|s\.r\.o|a\.s|d\.o\.o|Sp\. z o\.o|PLLC|Pty|Pte"
)
_FIRM = Pattern(
    rf"{_CAP}(?:,? (?:(?:and|&|und|et|e|y|de|of|di|du|for) )?{_CAP}){{0,5}},? (?:{SUFFIX})\b\.?"
    rf"|(?i:[\p{{L}}'\-]+(?:,? (?:and )?[\p{{L}}'\-]+){{0,2}},? (?:inc|llc|ltd|plc|gmbh|corp|srl|s\.p\.a|s\.a\.r\.l)\b\.?)"
)
_KIND = (
    r"Group|Holdings?|Bank|Banca|Banco|Banque|Sparkasse|Volksbank|Insurance|Assicurazioni|Versicherung|Assurances?|Seguros|Airlines?|Airways|Motors|Systems|Solutions|Technologies|Technology"
    r"|Software|Labs?|Laboratories|Services|Partners|Associates|Consulting|Capital|Ventures|Industries|Enterprises|Media|Networks?|Energy|Pharma(?:ceuticals)?|Healthcare|Hospital|Clinic|University"
    r"|College|School|Institute|Foundation|Society|Association|Council|Agency|Authority|Commission|Committee|Union|Church|Museum|Hotels?|Resort|Club|Press|Times|Telecom|Records|Studios?|Brothers|Bros|& Sons?"
)
_NAMED = Pattern(
    rf"{_CAP}(?: (?:(?:and|&|of|the|for) )?{_CAP}){{0,4}} (?:{_KIND})\b"
    rf"|(?i:\b(?:department|ministry|university|institute|bank|office|bureau|board|school|college|hospital|ministero|università|banca|ministerium|universität|amt für|bundesamt für|ministère"
    rf"|université|ministerio|universidad|banco|ministério|universidade) (?:of|for|di|del|della|de|du|des|für|do|da) (?:the )?[\p{{L}}\-]+(?: (?:and )?(?:{_CAP}))?(?: technology| health| commerce| affairs)?)"
    rf"|{_CAP}(?:, {_CAP}){{1,3}},? (?:and|und|et|e|y|&) {_CAP}|{_CAP}-{_CAP}(?: (?:Group|Ltd|Inc|LLC))?"
)
_BRAND = Pattern(
    r"\b(?:"
    + "|".join(sorted(map(re.escape, BRANDS), reverse=True))
    + r")\b(?:,? (?:Group|Insurance|Bank|Cloud|Services|Web Services))?"
)
_ABOUT = Pattern(
    r"(?i)\b(?:works? (?:for|at)|working (?:for|at)|employed (?:by|at)|employee of|(?:founder|director|president|ceo|owner|head|manager) (?:of|at)|lavor[oa] (?:per|in)|arbeite(?:t)? (?:bei|für)"
    rf"|travaille (?:chez|pour)|trabaj[oa] (?:en|para)|trabalh[oa] (?:na|no|para)) (?-i:{_CAP}(?: (?:(?:and|&|of|de|di) )?{_CAP}){{0,4}})"
    rf"|(?i:\bthe )[\p{{L}}\p{{N}}'\-]+(?: [\p{{L}}\p{{N}}'\-]+)?(?i: (?:office|headquarters|hq|branch) (?:is|in|at|has)\b)"
)
_STOP = words(
    "the a an my your our their his her this that these those is are was to in at on for from with by and or of main local head post back new first second nearest same any every "
    "customer support box ticket dental doctor doctor's sales home police tax"
)
_HEAD = (
    r"accountant|actor|actress|administrator|advis[eo]r|agent|aide|analyst|architect|artist|assembler|assistant|associate|attendant|attorney|auditor|baker|banker|biologist|bookkeeper|broker|builder"
    r"|buyer|carpenter|cashier|chef|chemist|cleaner|clerk|coach|consultant|controller|cook|coordinator|counsell?or|dealer|dentist|designer|developer|director|dispatcher|doctor|drafter|driver|economist"
    r"|editor|educator|electrician|engineer|estimator|examiner|executive|farmer|firefighter|foreman|geologist|guard|hairdresser|helper|hygienist|inspector|installer|instructor|interpreter|investigator"
    r"|janitor|journalist|judge|laborer|labourer|lawyer|lecturer|librarian|machinist|manager|mechanic|midwife|musician|nurse|officer|operator|optician|painter|paralegal|paramedic|pharmacist"
    r"|photographer|physician|physicist|pilot|planner|plumber|porter|producer|professor|programmer|psychiatrist|psychologist|publicist|realtor|receptionist|repairer|reporter|representative|researcher"
    r"|roofer|sailor|scientist|secretary|setter|solicitor|specialist|statistician|strategist|supervisor|surgeon|surveyor|tailor|teacher|technician|technologist|teller|tester|therapist|trader|trainer"
    r"|translator|tutor|veterinarian|waiter|waitress|welder|worker|writer"
)
_TITLE = Pattern(
    rf"(?:\p{{L}}[\p{{L}}/\-]*,? ){{0,7}}(?i:{_HEAD})s?\b"
    r"|(?i:\b(?:impiegat[oa]|insegnante|infermier[ea]|avvocat[oa]|ingegnere|medico|lehrer(?:in)?|ärzt(?:in)?|arzt|krankenschwester|rechtsanwalt|rechtsanwältin|ingenieur(?:in)?|infirmi[eè]re?|avocate?"
    r"|médecin|enseignante?|maestr[oa]|enfermer[oa]|abogad[oa]|ingenier[oa]|médic[oa]|professora?|engenheir[oa]|advogad[oa]|enfermeir[oa])\b)"
)
_BEFORE_TITLE = words(
    """the a an my your our their his her its this that these those is are was were be been as to in at on for from with by or but so if i you we he she they it one no not any some each every told
    said says spoke called sent asked and of had has have named who me him them us every another same other real travel customer ticket gate flight your very good bad great rude nice helpful friendly"""
)
_BEING = re.compile(
    r"(?i)(?:\b(?:am|'m|is|was|works?|worked|working|being|become|became)(?: as)? (?:an? |the )?|\b(?:occupation|profession|job|position|title|role)(?: is| was|:) ?(?:an? )?|, (?:an? |the )?|\bas an? )$"
)
_PLAIN_TITLE = words(
    "agent agents driver drivers representative representatives worker workers officer guard cook judge helper associate assistant buyer dealer executive"
)


def judge_firm(candidate: Candidate) -> Iterable[Find]:
    """Take a firm without the small words in front of it."""
    start = candidate.start
    while (match := re.match(r"([^\W_]+),? ", candidate.text[start : candidate.end])) and match[
        1
    ].lower() in _STOP:
        start += match.end()
    if (
        start < candidate.end
        and candidate.before(1) not in {"@", "#"}
        and bounded(candidate.text, start, candidate.end)
    ):
        yield Find(start, candidate.end, "ORGANISATION")


def judge_about(candidate: Candidate) -> Iterable[Find]:
    """Take what somebody works for, or whose office it is."""
    office = re.match(r"(?i)the (.+?) (?:office|headquarters|hq|branch) \w+$", candidate.found)
    if office:
        if office[1].lower().split()[0] not in _STOP:
            yield Find(candidate.start + 4, candidate.start + 4 + len(office[1]), "ORGANISATION")
        return
    match = re.search(
        r"(?:for|at|by|of|per|in|bei|für|chez|pour|en|para|na|no) ([^\W\d_a-zà-ÿ].*)$", candidate.found
    )
    if match:
        yield Find(candidate.start + match.start(1), candidate.end, "ORGANISATION")


def judge_title(candidate: Candidate) -> Iterable[Find]:
    """Go back from the last word over what belongs to it: "Railroad switch operator", not "I spoke to the operator"."""
    found = candidate.found
    parts = [(m.start(), m[0].rstrip(",")) for m in re.finditer(r"[^ ]+", found)]
    first = len(parts) - 1
    while (
        first > 0
        and parts[first - 1][1].lower() not in _BEFORE_TITLE - {"and"}
        and not found[parts[first - 1][0] : parts[first][0]].strip().endswith(",")
    ):
        first -= 1
        if parts[first][1][0].isupper():
            break
    while first < len(parts) - 1 and parts[first][1].lower() == "and":
        first += 1
    start = parts[first][0]
    some = found[start:]
    if not some[0].isupper():
        first = max(first, len(parts) - 2)
        start = parts[first][0]
        some = found[start:]
    if some.lower() in _PLAIN_TITLE or candidate.before(1) in {"#", "@"}:
        return
    if some.islower() and not _BEING.search(
        candidate.text[max(candidate.low, candidate.start + start - 24) : candidate.start + start]
    ):
        return
    if bounded(candidate.text, candidate.start + start, candidate.end):
        yield Find(candidate.start + start, candidate.end, "TITLE")


RULES = (
    Rule(_FIRM, judge_firm, kind="ORGANISATION"),
    Rule(_NAMED, judge_firm, kind="ORGANISATION"),
    Rule(_BRAND, judge_firm, kind="ORGANISATION"),
    Rule(_ABOUT, judge_about, kind="ORGANISATION"),
    Rule(_TITLE, judge_title, kind="TITLE"),
)
