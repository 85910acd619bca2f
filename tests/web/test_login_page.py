"""What the log-in writes down."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from allears.space import Space
from allears.web.app import build
from allears.web.who import OneTime

PASSWORD = "correct horse battery"


def test_log_ins_and_failed_ones_are_in_the_audit_without_the_name_that_was_tried(tmp_path: Path) -> None:
    with Space.open(tmp_path / "space") as space:
        space.logins.add("ana", PASSWORD, "analyst")
        once = OneTime()
        client = TestClient(
            build(space, parts=frozenset({"web"}), once=once),
            follow_redirects=False,
            base_url="http://127.0.0.1",
        )
        client.post("/login", data={"name": "ana", "password": PASSWORD})
        client.post("/login", data={"name": "bo", "password": PASSWORD})
        client.get(f"/once/{once.make()}")
        client.get("/once/stranger")
        entries = space.ground.audit.entries()
        assert [(e.actor, e.action) for e in reversed(entries)] == [
            ("user:ana", "login"),
            ("nobody", "login.failed"),
            ("user:local", "login.once"),
        ]
        assert [e.action for e in space.ground.audit.about("bo")] == ["login.failed"]
        assert all("bo" not in (e.why, e.actor, str(e.detail)) for e in entries)
