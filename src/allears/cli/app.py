"""All commands by name; each is loaded when it is called, so that ``--help`` is quick."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Group

from allears.cli.show import Failed, complain
from allears.errors import AllearsError

START, LOOK, ACT, GUARD, KEEP = (
    Group(name, sort_key=order)
    for order, name in enumerate(("Start", "Look", "Act and teach", "Guard", "Keep and check"))
)

app = App(
    name="allears",
    help="All ears for the people who answer for customers.",
    version=lambda: __import__("importlib.metadata", fromlist=["version"]).version("allears"),
    suppress_keyboard_interrupt=False,  # it would leave without a word
)

COMMANDS: dict[str, tuple[Group, str]] = {
    "demo": (START, "allears.cli.demo:demo"),
    "new": (START, "allears.cli.spaces:new"),
    "listen": (START, "allears.cli.listen:listen"),
    "pull": (START, "allears.cli.pull:pull"),
    "pulls": (START, "allears.cli.pull:pulls"),
    "serve": (START, "allears.web.serve:serve"),
    "digest": (START, "allears.cli.spaces:digest"),
    "status": (LOOK, "allears.cli.spaces:status"),
    "sources": (LOOK, "allears.cli.spaces:sources"),
    "refused": (LOOK, "allears.cli.refused:refused"),
    "signals": (LOOK, "allears.cli.look:signals"),
    "customers": (LOOK, "allears.cli.look:customers"),
    "customer": (LOOK, "allears.cli.look:customer"),
    "accounts": (LOOK, "allears.cli.accounts:accounts"),
    "segments": (LOOK, "allears.cli.segments:segments"),
    "issues": (LOOK, "allears.cli.look:issues"),
    "surprises": (LOOK, "allears.cli.look:surprises"),
    "experience": (LOOK, "allears.cli.look:experience"),
    "trust": (LOOK, "allears.cli.look:trust"),
    "verdicts": (LOOK, "allears.cli.look:verdicts"),
    "promises": (LOOK, "allears.cli.look:promises"),
    "services": (LOOK, "allears.cli.look:services"),
    "forecast": (LOOK, "allears.cli.look:forecast"),
    "topics": (LOOK, "allears.cli.teach:topics"),
    "sql": (LOOK, "allears.cli.look:sql"),
    "brief": (LOOK, "allears.cli.brief:brief"),
    "backtest": (LOOK, "allears.cli.look:backtest"),
    "merge": (ACT, "allears.cli.people:merge"),
    "link": (ACT, "allears.cli.link:link"),
    "part": (ACT, "allears.cli.people:part"),
    "apart": (ACT, "allears.cli.people:apart"),
    "unmerge": (ACT, "allears.cli.people:unmerge"),
    "merges": (ACT, "allears.cli.people:merges"),
    "cases": (ACT, "allears.cli.work:cases"),
    "case": (ACT, "allears.cli.work:case"),
    "issue": (ACT, "allears.cli.work:issue"),
    "moves": (ACT, "allears.cli.work:moves"),
    "move": (ACT, "allears.cli.work:move"),
    "playbook": (ACT, "allears.cli.work:playbook"),
    "destinations": (ACT, "allears.cli.work:destinations"),
    "ask": (ACT, "allears.cli.ask:ask"),
    "surveys": (ACT, "allears.cli.ask:surveys"),
    "learn": (ACT, "allears.cli.teach:learn"),
    "channels": (START, "allears.cli.channels:channels"),
    "keys": (GUARD, "allears.cli.guard:keys"),
    "users": (GUARD, "allears.cli.guard:users"),
    "erase": (GUARD, "allears.cli.erase:erase"),
    "glass": (GUARD, "allears.cli.glass:glass"),
    "approvals": (GUARD, "allears.cli.approvals:approvals"),
    "receipt": (GUARD, "allears.cli.receipt:receipt"),
    "consent": (GUARD, "allears.cli.consent:consent"),
    "requests": (GUARD, "allears.cli.rights:requests"),
    "access": (GUARD, "allears.cli.rights:access"),
    "hold": (GUARD, "allears.cli.rights:hold"),
    "rectify": (GUARD, "allears.cli.rectify:rectify"),
    "restrict": (GUARD, "allears.cli.rights:restrict"),
    "retention": (GUARD, "allears.cli.rights:retention"),
    "register": (GUARD, "allears.cli.register:register"),
    "redaction": (GUARD, "allears.cli.redaction:redaction"),
    "breach": (GUARD, "allears.cli.breach:breach"),
    "audit": (GUARD, "allears.cli.audit:audit"),
    "export": (KEEP, "allears.cli.keep:export"),
    "backup": (KEEP, "allears.cli.backup:backup"),
    "restore": (KEEP, "allears.cli.backup:restore"),
    "compact": (KEEP, "allears.cli.keep:compact"),
    "sbom": (KEEP, "allears.cli.sbom:sbom"),
    "doctor": (KEEP, "allears.cli.keep:doctor"),
    "bench": (KEEP, "allears.cli.bench:bench"),
}

for _name, (_group, _path) in COMMANDS.items():
    app.command(_path, name=_name, group=_group)


def main(words: Sequence[str] | None = None) -> None:
    """Run a command and leave with 0 done, 1 failed, 2 wrong use."""
    # A core dump would hold keys and whatever was being read. One byte, not none: none does not keep Linux from
    # handing the dump to a program.
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (min(1, most) if most >= 0 else 1, most))
    sys.exit(run(list(sys.argv[1:] if words is None else words)))


def run(words: Sequence[str]) -> int:
    """Run a command; returns the exit code."""
    as_json = "--json" in words
    try:
        app(words, exit_on_error=False, print_error=not as_json, result_action="return_value")
    except CycloptsError as error:
        if as_json:
            complain("wrong_use", str(error).splitlines()[0], "", as_json=True)
        return 2
    except AllearsError as error:
        complain(error.code, error.message, error.place, as_json=as_json)
        return 2 if error.place.startswith("--") else 1
    except Failed:
        return 1
    except KeyboardInterrupt:
        complain("stopped", "stopped; what was accepted is kept", "", as_json=as_json)
        return 130
    except EOFError:
        complain(
            "nobody_answered",
            "it asks before it goes on, and nobody answered; --yes answers for you",
            "",
            as_json=as_json,
        )
        return 2
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:
        # A folder for a file, no rights, no room: whichever command met it, it is told in the system's words.
        told = error.strerror or type(error).__name__
        try:
            complain("world_failed", told, str(error.filename or ""), as_json=as_json)
        except OSError:
            # It is the answer itself that finds no room.
            complain("world_failed", told, "", as_json=False)
        return 1
    return 0
