"""The pages a person sees, added to the application last: what no other route takes is theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from nicegui import client, ui

from allears.web.pages import (
    account,
    accounts,
    approvals,
    breaches,
    cases,
    channels,
    customer,
    customers,
    explore,
    factor,
    issue,
    issues,
    keys,
    links,
    login,
    missing,
    oidc,
    playbooks,
    privacy,
    pulse,
    redaction,
    refused,
    register,
    segments,
    services,
    surveys,
    trust,
)
from allears.web.pages.frame import Door
from allears.web.policy import give_scripts_their_nonce

if TYPE_CHECKING:
    from allears.space import Space
    from allears.web.live import Live

__all__ = ["pages"]

EAR = """<svg viewBox="0 0 32 32" xmlns="http://www.w3.org/2000/svg"><rect width="32" height="32" rx="7" fill="#0b6e6e"/>
<path d="M10 13a6 6 0 0 1 12 0c0 4-4 5-4 9a3.5 3.5 0 0 1-6.500 2M13.500 13a2.500 2.500 0 0 1 5 0c0 1.600-1.500 2-1.500 3.500" fill="none"
stroke="#fff" stroke-width="2.200" stroke-linecap="round"/></svg>"""


def pages(app: FastAPI, space: Space, live: Live) -> None:
    """Add the pages to the application."""
    door = Door(app, space, live)
    for page in (
        pulse,
        issues,
        issue,
        cases,
        playbooks,
        customers,
        links,
        segments,
        accounts,
        customer,
        trust,
        surveys,
        services,
        channels,
        refused,
        explore,
        keys,
        account,
        approvals,
        breaches,
        redaction,
        register,
        privacy,
        login,
        factor,
        oidc,
        missing,
    ):
        page.register(door)
    give_scripts_their_nonce(client.templates.env)
    ui.run_with(app, title="Allears", favicon=EAR, tailwind=False, show_welcome_message=False)
