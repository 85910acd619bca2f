from __future__ import annotations

import json

from allears.foresee.watch import Watch

BURST = 20 * 24 + 10


def issues_of(town, rules, days=24):
    return Watch(rules).advance(town.table(), town.at(days * 24)).issues.to_pylist()


def about(issues, *groups):
    """Issues that hold at least a tenth of their signals from any of these."""
    planted = {s for ids in groups for s in ids}
    return [i for i in issues if len(planted & set(i["signal_ids"])) >= 0.1 * len(i["signal_ids"])]


def test_one_outage_told_by_machines_and_by_people_is_one_issue(shop, rules):
    town = shop(41).background(24, requests=12000)
    people = [f"hit{at}" for at in range(50)]
    failed = [
        town.meet(BURST + 5 * town.random.random(), service="checkout", ok=False, customer_key=who)
        for who in people
    ]
    said = [
        town.say("payment/declined", BURST + 1 + 6 * town.random.random(), customer_key=who)
        for who in people[::2]
    ]
    [issue] = about(issues_of(town, rules), failed, said)
    assert set(said[:10]) & set(issue["signal_ids"]) and set(failed[:10]) & set(issue["signal_ids"])
    assert issue["topics"][0] == "payment/declined"
    assert issue["title"].startswith("Declined - checkout")
    assert json.loads(issue["facets"])["service"] == "checkout"


def test_two_topics_for_one_place_at_one_time_are_one_issue(shop, rules):
    town = shop(42).background(24)
    where = {"region": "North", "partner": "Heron"}
    late = town.burst("delivery/late", BURST, 12, 40, **where)
    broken = town.burst("product/broken", BURST + 2, 12, 40, **where)
    assert len(about(issues_of(town, rules), late, broken)) == 1


def test_two_troubles_at_one_time_stay_two(shop, rules):
    town = shop(43).background(24, requests=8000)
    late = town.burst("delivery/late", BURST, 12, 50, region="North", partner="Heron")
    crash = town.burst("app/crash", BURST + 1, 12, 50, region="South", platform="ios")
    issues = issues_of(town, rules)
    assert len(about(issues, late)) == 1 and len(about(issues, crash)) == 1
    assert about(issues, late) != about(issues, crash)


def test_a_topic_under_a_quarter_gives_no_title(shop, rules):
    town = shop(44).background(24, requests=12000)
    people = [f"hit{at}" for at in range(60)]
    for who in people:
        town.meet(BURST + 5 * town.random.random(), service="checkout", ok=False, customer_key=who)
    words = ["basket", "spinner", "endless"]
    said = [
        town.say("", BURST + 1 + 4 * town.random.random(), customer_key=who, sentiment=-0.5,
                 text=" ".join([*words, *town.dice.choices(town.common, k=3)]),
                 topics=["support/wait"] if at % 10 == 0 else [])
        for at, who in enumerate(people[:40])
    ]  # fmt: skip
    found = about(issues_of(town, rules), said)
    assert found
    assert all("wait" not in i["title"].lower() for i in found)
    assert any(word in i["title"].lower() for i in found for word in words)


def test_a_stream_that_reports_failures_only_is_judged_by_its_rate(shop, rules):
    town = shop(45).background(24, scale=0.3, requests=6000)
    for hour in range(0, 24 * 24, 3):  # abandoned chats are told, answered ones are not
        town.meet(hour + town.random.random(), service="chat", name="Chat Abandoned", ok=False,
                  platform=["ios", "web"][hour % 2], release=f"7.{hour // 200}")  # fmt: skip
    assert not [i for i in issues_of(town, rules) if "chat" in i["title"]]
    burst = [town.meet(BURST + 5 * town.random.random(), service="chat", name="Chat Abandoned", ok=False,
                       platform="web", release="7.2") for _ in range(40)]  # fmt: skip
    assert about(issues_of(town, rules), burst)
