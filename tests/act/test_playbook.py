from __future__ import annotations

import pytest

from allears.act.explain import explain
from allears.act.playbook import example, examples, read_playbook
from allears.errors import NotFound, Refused

PLAIN = """
name = "plain"
says = "something is done"
goal = { measure = "contacts" }
"""


def test_every_playbook_that_comes_along_is_read_and_explained() -> None:
    assert examples() == [
        "ask-again-after-fix",
        "burn-to-engineering",
        "detractor-callback",
        "tell-the-exposed",
    ]
    for name in examples():
        playbook = example(name)
        assert playbook.name == name and explain(playbook).startswith(f"{name}: {playbook.says}")
    with pytest.raises(NotFound, match="tell-the-exposed"):
        example("none")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("when = [", "not TOML"),
        (
            'when = { on = "full moon" }\nthen = [ { do = "notify", destinations = ["x"] } ]',
            r"full moon.*\$\.when\.on",
        ),
        (
            'when = { on = "burn", rate = 3 }\nthen = [ { do = "notify", destinations = ["x"] } ]',
            r"rate.*\$\.when",
        ),
        (
            'when = { on = "burn", min_rate = "fast" }\nthen = [ { do = "notify", destinations = ["x"] } ]',
            r"\$\.when\.min_rate",
        ),
        ('when = { on = "burn" }\nthen = [ { do = "run", code = "1+1" } ]', r"\$\.then\[0\]\.do"),
        ('when = { on = "burn" }\nthen = []', r"\$\.then"),
        (
            'when = { on = "burn" }\nthen = [ { do = "open case", department = "d", priority = "P9", title = "t" } ]',
            r"\$\.then\[0\]\.priority",
        ),
        (
            'when = { on = "burn" }\nholdout = 0.9\nthen = [ { do = "notify", destinations = ["x"] } ]',
            r"\$\.holdout",
        ),
        (
            'when = { on = "burn" }\nthen = [ { do = "survey", question = "q" } ]',
            r"nobody is concerned.*then\[0\]",
        ),
        (
            'when = { on = "burn" }\nwho = { are = "customer" }\nthen = [ { do = "survey", question = "q" } ]',
            r"not about one customer.*who\.are",
        ),
        (
            'when = { on = "burn" }\nwho = { are = "exposed" }\nthen = [ { do = "survey", question = "q" } ]',
            r"not about an issue.*who\.are",
        ),
        ('when = { on = "burn" }\nthen = [ { do = "wait", hours = 3 } ]', r"nothing follows the wait"),
        (
            'when = { on = "burn" }\nthen = [ { do = "wait", hours = 3 }, { do = "open case", department = "d", priority = "P1", title = "t" } ]',
            r"opened at once.*then\[1\]",
        ),
        (
            'when = { on = "issue opened" }\nthen = [ { do = "open case", department = "d", priority = "P1", title = "t", contacts = true } ]',
            r"then\[0\]\.contacts",
        ),
        (
            'when = { on = "burn" }\nsuppress = { quiet_from = 21:00:00, quite_to = 08:00:00 }\nthen = [ { do = "notify", destinations = ["x"] } ]',
            "quite_to",
        ),
    ],
)
def test_a_wrong_playbook_is_refused_and_the_field_named(text: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        read_playbook(PLAIN + text)


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ('{ on = "issue opened" }', "When an issue is found,"),
        ('{ on = "issue fixed", issue = { topics = ["app/"], min_score = 3 } }', "When an issue is fixed and its topic begins with app/ and its score is at least 3,"),
        ('{ on = "issue reopened" }', "When an issue comes back,"),
        ('{ on = "burn", service = ["checkout"], min_rate = 6 }', "When checkout uses up its error budget 6 times too fast or more,"),
        ('{ on = "verdict" }', "When the verdict on a fix says not regained,"),
        ('{ on = "customer hit", failures = 3 }', "When a customer meets 3 failures of any service within 24 hours,"),
        ('{ on = "event", names = ["Plan Cancelled"] }', "When a customer does: Plan Cancelled,"),
    ],
)  # fmt: skip
def test_every_trigger_is_explained(when: str, said: str) -> None:
    text = explain(
        read_playbook(
            f'{PLAIN}when = {when}\nthen = [ {{ do = "notify", destinations = ["team", "lead"] }} ]'
        )
    )
    assert said in text and "then tell team and lead." in text


def test_care_for_customers_is_explained() -> None:
    text = explain(
        read_playbook(
            PLAIN
            + """
            when = { on = "issue opened" }
            who = { are = "exposed", silent = true, at_most = 500 }
            suppress = { per_day = 2, no_marketing_after_complaint_days = 7 }
            then = [
                { do = "propose message", message = "voucher", purpose = "marketing", via = "crm" },
                { do = "wait", hours = 48 },
                { do = "survey", question = "how-now", via = "crm" },
            ]
            """
        )
    )
    assert "for everybody who met it, if they did not write to us, at most 500," in text
    assert (
        'propose the marketing message "voucher" through crm, then wait 48 hours, then ask "how-now" (csat-1-5) through crm.'
        in text
    )
    assert "2 times a day" in text and "contacts wait from 21:00 to 08:00" in text
    assert "Nobody is asked again within 60 days and never during an open complaint." in text
    assert "No marketing for 7 days after a complaint." in text
