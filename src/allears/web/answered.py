"""What each operation of the API answers when it succeeds, field by field; the tests hold every answer to it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from allears.tables import table

_KINDS = {"#": ["number"], "*": ["array"], "!": ["boolean"], "%": ["object"]}
_HELD = "customers* why by since"
_ASKED = "request kind state customers* received_at due_at days_left#? extended? identity? checked_by? via note outcome? closed_at?"
_REFUSED = "refused source channel? place reason received_at"
_ONE_REFUSED = f"{_REFUSED} door replayed_at? replayable!"
_ISSUE = (
    "id title kind first_signal_at? detected_at signals# customers# department? score#? state exemplars* topics* facets% terms* "
    "expected#? growth#? factors% fixed_at? closed_at? method?"
)
_SEGMENT = "name says purpose relationship on! customers#? entered#? left#? counted_at? problem"
_ACCOUNT = "account kind name written traits% parent? customers# first_at changed_at"
_PAIR = "pair# left right probability# bits# why* state act? note found_at decided_at? decided_by?"
_RECTIFIED = "customer kind struck# put! parted? told#"
# A word is a field: of text, or # number, * list, ! yes or no, % object; ? where it may be null. What `/api` has of one of our
# tables is told by the table's name.
FIELDS = {
    "GET /status": "name accepted# stored# duplicates# refused# rejected# pending# damaged# sources* contract* surveys* wrong*",
    "GET /channels": "source channel? state last_at? stored# duplicates% refused% known% reasons* identifiers% drift% objectives*",
    "GET /refused": _REFUSED,
    "GET /refused/groups": "source reason n# first_at last_at",
    "POST /refused/replay": "source accepted# refused# reasons*",
    "GET /refused/{row}": _ONE_REFUSED,
    "POST /refused/{row}/open": f"{_ONE_REFUSED} payload bytes#",
    "GET /issues": _ISSUE,
    "GET /issues/{issue}": f"{_ISSUE} history* messages* hours* cases*",
    "GET /cases": (
        "id issue? customer? title department priority score#? state opened_at acknowledge_by? resolve_by? acknowledged_at? "
        "fixed_at? closed_at? paused_at? reopened# why overdue! late? urgency#?"
    ),
    # Decisions, or with `decision` the moves of one.
    "GET /moves": "decision playbook issue? action target? state at due_at why",
    "GET /promises": "signal customer? channel thread words made_at due_at wrote_again_at? state",
    "GET /requests": _ASKED,
    "POST /requests": _ASKED,
    **{f"POST /requests/{{request}}/{what}": _ASKED for what in ("check", "extend", "close", "restrict", "object")},
    "POST /requests/{request}/rectify": _RECTIFIED,
    "POST /requests/{request}/export": "request signals# key file passphrase?",
    "POST /requests/{request}/erase": "receipt version# tenant customer erased_at removed% keys_destroyed# actor why key signature",
    "POST /rectify": _RECTIFIED,
    "GET /holds": f"hold {_HELD} ended_at?",
    "POST /holds": "hold",
    "POST /holds/{hold}/end": "ended",
    "GET /restrictions": f"restriction {_HELD} request? lifted_at? told?",
    "POST /restrictions": "restriction",
    "POST /restrictions/{restriction}/lift": "lifted",
    "GET /merges": "act did left right why actor done_at undone_at? undone_by?",
    "GET /links": _PAIR,
    "GET /links/{pair}": f"{_PAIR} customers* consequences%? outcome?",
    "GET /segments": _SEGMENT,
    "GET /segments/{segment}": f"{_SEGMENT} explained trend* moments*",
    "GET /segments/{segment}/customers": "customer",
    "GET /accounts": _ACCOUNT,
    "GET /accounts/{account}": f"{_ACCOUNT} above* below* people*",
    "GET /customers": "customer relationship? signals# messages# channels# sentiment#? first_at last_at",
    "GET /customers/{customer}": "customer% traits* relations*",
    "GET /trust": "measures",
    "GET /experience": "measures",
    "GET /surveys": "survey group invited# answered# open# held# estimate#? low#? high#? n# method cutoff",
    "GET /verdicts": "verdicts",
    "GET /services": "service objective target# estimate#? low#? high#? n# budget_left#? burns* hit# silent# cutoff",
    "GET /topics": "topic label origin? department? this_week#? week_before#? customers#? sentiment#?",
    "GET /surprises": "surprises",
    "GET /forecast": "expectations",
}  # fmt: skip


def answer_of(operation: str, *, paged: bool = False) -> dict[str, Any]:
    """Describe what an operation answers, as a JSON schema; ``paged``: pages of such rows.

    Examples
    --------
    >>> answer_of("POST /holds")
    {'type': 'object', 'required': ['hold'], 'properties': {'hold': {'type': ['string']}}}
    """
    words = FIELDS[operation].split()
    fields = _columns(words[0]) if paged and words[0] in _TABLES else dict(map(_field, words))
    row = {"type": "object", "required": list(fields), "properties": fields}
    if not paged:
        return row
    items, following = {"type": "array", "items": row}, {"type": ["string", "null"]}
    return {
        "type": "object",
        "required": ["items", "next"],
        "properties": {"items": items, "next": following},
    }


_TABLES = ("measures", "verdicts", "surprises", "expectations")


def _field(word: str) -> tuple[str, dict[str, Any]]:
    name = word.rstrip("?#*!%")
    kinds = _KINDS.get(word[len(name) : len(name) + 1], ["string"])
    return name, {"type": [*kinds, *["null"] * word.endswith("?")]}


def _columns(name: str) -> dict[str, dict[str, Any]]:
    return {
        field.name: {"type": ["string" if pa.types.is_string(field.type) or pa.types.is_timestamp(field.type) else "number", "null"]}
        for field in table(name).schema
    }  # fmt: skip
