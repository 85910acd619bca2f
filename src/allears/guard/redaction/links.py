"""E-mail addresses, URLs that carry something personal, secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable

from allears.guard.redaction.rule import Candidate, Find, Pattern, Rule, begins, bounded

_EMAIL = Pattern(r"[\p{L}\p{N}._%+'\-]+@[\p{L}\p{N}\-]+(?:\.[\p{L}\p{N}\-]+)+")
_SPELLED_EMAIL = Pattern(
    r"(?i)[a-z0-9._%+\-]+ ?[\[({] ?at ?[\])}] ?[a-z0-9\-]+(?: ?(?:\.|[\[({] ?dot ?[\])}]) ?[a-z0-9\-]+)+"
    r"|[a-z0-9._%+\-]+ at [a-z0-9\-]+ dot (?:com|net|org|co|io|it|de|fr|es|pt|uk|eu|br|us)(?: dot [a-z]{2})?"
)
_URL = Pattern(r"(?i)(?:[a-z][a-z0-9+]{1,9}://|www\.)[^\s\x00<>\"{}|\\^`\x{a0}\x{2026}]+")
_SECRET = Pattern(
    r"(?i)(?:pass(?:word|wd|code|phrase)?|pwd|pin(?: ?code)?|cvv|cvc|otp|secret|token|api[_ \-]?key|access[_ \-]?key"
    r"|parola d'ordine|passwort|kennwort|mot de passe|contraseña|senha)"
    r"\s{0,2}(?:\s(?:is|was|è|ist|est|es|é)\s|[:=])\s{0,2}[^\s\x00<>]{3,}"
    r"|bearer\s+[a-z0-9._~+/\-]{12,}=*|eyJ[a-z0-9_\-]{6,}\.[a-z0-9_\-]{6,}\.[a-z0-9_\-]*"
)

_SITE = Pattern(
    r"(?i)(?:https?://|www\.)[^\s\x00<>\"{}|\\^`\x{a0}\x{2026}]+"
    r"|\b[a-z0-9\-]{2,}(?:\.[a-z0-9\-]{2,})*\.(?:com|net|org|edu|gov|info|biz|io|co|ai|app|dev|shop|online|site|xyz|me|tv|uk|us|ca|au|nz|ie|it|de|at|ch|fr|be|nl|es|pt|br|mx|ar|eu|pl|cz|se|no"
    r"|dk|fi|hu|ro|gr|ru|tr|jp|cn|in|za)\b(?:/[^\s\x00<>\"]*)?"
)

_TELLING_QUERY = re.compile(
    r"(?i)(?:^|[?&#;/])(?:[a-z_\-]*(?:token|key|secret|sig(?:nature)?|auth|session|sid|jwt|code|otp|pass(?:word)?|pwd|hash|reset|invite"
    r"|e?-?mail|phone|user(?:name|_?id)?|name|customer|account))="
    r"|@|%40|eyJ[A-Za-z0-9_-]{6,}\."
)
_OPAQUE = re.compile(r"(?:^|[/=])(?=[^/?&=]*\d)(?=[^/?&=]*[A-Za-z])[A-Za-z0-9_~]{20,}(?:$|[/?&#.])")
_MAIL_WORDS = re.compile(r"(?i)mail|write|contact|reach|address|scriv|schreib|écri|escrib|escrev")
_TAIL = ".,;:!?)]}'’”»*"
_PLAIN_SECRET = re.compile(r"[A-Za-z]+[.,!?]?$")


def judge_email(candidate: Candidate) -> Iterable[Find]:
    """Trim what cannot begin or end an address, and insist on a domain."""
    start = candidate.start + len(candidate.found) - len(candidate.found.lstrip("'.-%+"))
    end = candidate.end - len(candidate.found) + len(candidate.found.rstrip("-."))
    domain = candidate.text[start:end].rpartition("@")[2]
    if candidate.text[start] != "@" and "." in domain and not domain.rpartition(".")[2].isdigit():
        yield Find(start, end, "EMAIL")


def judge_spelled_email(candidate: Candidate) -> Iterable[Find]:
    """Take an address written out in words; without brackets ("only at Target dot com") something must say so."""
    spelled = candidate.found.partition(" at ")
    told = not spelled[1] or re.search(r"[\d._%+\-]", spelled[0]) or _MAIL_WORDS.search(candidate.before(40))
    if told and bounded(candidate.text, candidate.start, candidate.end):
        yield Find(candidate.start, candidate.end, "EMAIL")


def judge_url(candidate: Candidate) -> Iterable[Find]:
    """Hide a whole URL that tells who somebody is or lets one in; of others hide the query only.

    A page of one's own ("my website is ...") tells who somebody is, too.
    """
    url = candidate.found.rstrip(_TAIL)
    end = candidate.start + len(url)
    place = min((at for at in (url.find("?"), url.find("#")) if at >= 0), default=-1)
    rest = url.split("://", 1)[-1]
    own = re.search(
        r"(?i)\bmy (?:\w+ )?(?:web ?site|site|page|blog|profile|portfolio)\W{1,3}(?:is |at |: ?)*$",
        candidate.before(40),
    )
    if own or _TELLING_QUERY.search(rest) or _OPAQUE.search(rest):
        yield Find(candidate.start, end, "URL")
    elif place >= 0 and len(url) > place + 1:
        yield Find(candidate.start + place + 1, end, "QUERY")


def judge_site(candidate: Candidate) -> Iterable[Find]:
    """Hide a site that carries nothing personal in itself; not a version, a file or two sentences without a space."""
    if candidate.before(1) not in {"@", ".", "-", "_"} and bounded(
        candidate.text, candidate.start, candidate.end
    ):
        yield Find(
            candidate.start, candidate.end - len(candidate.found) + len(candidate.found.rstrip(_TAIL)), "SITE"
        )


def judge_secret(candidate: Candidate) -> Iterable[Find]:
    """Hide the value of a password, PIN or token, unless it is plainly a word ("my password is wrong")."""
    found = candidate.found
    if found[:3] == "eyJ" and ":" not in found[:12]:
        yield Find(candidate.start, candidate.end, "SECRET")
        return
    value = re.search(r"[^\s:=]+$", found)
    if value is None or _PLAIN_SECRET.match(value[0]) or not begins(candidate.text, candidate.start):
        return
    text = value[0].rstrip(".,;!?)\"'")
    if len(text) >= 3 and set(text) - set("*xX•.-"):
        start = candidate.start + value.start()
        yield Find(start, start + len(text), "SECRET")


RULES = (
    Rule(_EMAIL, judge_email, b"@"),
    Rule(_SPELLED_EMAIL, judge_spelled_email),
    Rule(_URL, judge_url),
    Rule(_SECRET, judge_secret),
    Rule(_SITE, judge_site, b".", "SITE"),
)
