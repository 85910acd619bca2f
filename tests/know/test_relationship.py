from __future__ import annotations

import msgspec
import pyarrow as pa
import pytest

from allears.errors import Refused
from allears.know.relationship import (
    PUBLIC_DOMAINS,
    STANDINGS,
    DomainRule,
    Rules,
    TraitRule,
    from_domains,
    ranks,
)


def test_a_domain_counts_for_itself_and_below_and_for_nothing_that_only_ends_alike() -> None:
    rules = from_domains(["Acme.example"], ["carrier.example"])
    assert [
        rules.of_domain(d)
        for d in ("acme.example", "mail.acme.example", "notacme.example", "carrier.example")
    ] == [2, 2, 0, 1]


def test_where_several_rules_speak_the_highest_wins() -> None:
    rules = Rules(
        (
            DomainRule("a.example", "partner"),
            DomainRule("mail.a.example", "employee"),
            DomainRule("b.example", "consumer"),
        )
    )
    assert rules.of_domain("mail.a.example") == STANDINGS.index("employee")
    assert rules.of_domain("b.example") == 0


def test_traits_are_read_at_the_top_and_under_traits_and_compared_with_their_type() -> None:
    rules = Rules((TraitRule("staff", True, "employee"), TraitRule("tier", 1, "partner")))
    told = ['{"staff": true}', '{"traits": {"staff": true}}', '{"staff": 1}', '{"staff": "true"}', '{"tier": 1}', '{"tier": true}',
            '["staff"]', '{"staff": ', "", None]  # fmt: skip
    assert rules.of_properties(pa.array(told, pa.string())).tolist() == [2, 2, 0, 0, 1, 0, 0, 0, 0, 0]


def test_a_domain_that_anybody_can_have_proves_nothing() -> None:
    for domain in [*sorted(PUBLIC_DOMAINS)[:3], "GMAIL.com", "localhost"]:
        with pytest.raises(Refused):
            DomainRule(domain, "employee")


def test_rules_are_typed_data_that_survive_a_file() -> None:
    rules = Rules((DomainRule("acme.example", "employee"), TraitRule("plan", "reseller", "partner")))
    assert msgspec.json.decode(msgspec.json.encode(rules), type=Rules) == rules
    with pytest.raises(Refused):
        TraitRule("plan", "reseller", "friend")


def test_unknown_words_in_a_payload_say_nothing() -> None:
    assert ranks(pa.array(["employee", "friend", None, "consumer"])).tolist() == [2, -1, -1, 0]
    assert ranks(pa.nulls(2)).tolist() == [-1, -1]
