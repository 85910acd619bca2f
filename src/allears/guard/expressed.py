"""What a consent event says, purpose by purpose: names of banners' categories, words for yes and no, TCF strings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allears.guard.consent import State
from allears.guard.purpose import PURPOSES, Purpose, Purposes
from allears.guard.tcf import read_tcf

SAID: dict[str, State] = {
    **dict.fromkeys(("given", "yes", "true", "1", "granted", "opt-in", "optin", "subscribed"), "given"),
    **dict.fromkeys(("refused", "no", "false", "0", "denied", "objected"), "refused"),
    **dict.fromkeys(("withdrawn", "opt-out", "optout", "unsubscribed", "revoked"), "withdrawn"),
}  # fmt: skip
"""Words for a yes and a no."""
TCF = ("tcf", "tcstring", "tc_string", "tcfstring", "gdpr_consent")
"""Names under which a consent string is found among the categories."""


def expressed(told: Mapping[str, Any], purposes: Purposes) -> dict[Purpose, State]:
    """Say which purposes a consent object speaks of, and what it says.

    A purpose that stands for several categories is given only when all that are named are. A value that is neither yes nor
    no says nothing.

    Raises
    ------
    Refused
        The consent string in it is none.

    Examples
    --------
    >>> from allears.guard.purpose import default_purposes
    >>> expressed({"Advertising": False, "Analytics": True, "Functional": True}, default_purposes())
    {'analytics': 'given', 'marketing': 'refused'}
    >>> expressed({"ad_storage": "granted", "ad_user_data": "denied"}, default_purposes())
    {'marketing': 'refused'}
    """
    named = {str(name).strip().casefold().replace(" ", "_").replace("-", "_"): v for name, v in told.items()}
    strings = [named[name] for name in TCF if isinstance(named.get(name), str)]
    string = read_tcf(strings[0]) if strings else None
    found: dict[Purpose, State] = {}
    for purpose in PURPOSES:
        use = purposes[purpose]
        names = dict.fromkeys(
            (purpose, *(c.casefold().replace(" ", "_").replace("-", "_") for c in use.categories))
        )
        said = [state for name in names if (state := read_word(named.get(name))) is not None]
        if string is not None and use.tcf:
            granted = string.consents | (
                string.interests if use.basis == "legitimate interest" else frozenset()
            )
            said.append("given" if granted.issuperset(use.tcf) else "refused")
        if said:
            found[purpose] = next((s for s in ("withdrawn", "refused") if s in said), "given")
    return found


def read_word(value: Any) -> State | None:
    """Read a yes or a no, as banners and lists write it."""
    if isinstance(value, bool):
        return "given" if value else "refused"
    return SAID.get(value.strip().casefold()) if isinstance(value, str) else None
