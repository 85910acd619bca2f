"""Rectification: what is wrong about a customer is struck out, what is right put in."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from allears.cli import show
from allears.cli.where import HERE, Where
from allears.errors import Refused


def rectify(
    who: str | None = None,
    /,
    *,
    kind: Annotated[
        str, Parameter(help="name, address, birthday, email, phone, handle, user_id, anonymous_id or device.")
    ],
    wrong: Annotated[
        str, Parameter(help="What is struck out, in any spelling; it is not learnt again.")
    ] = "",
    right: Annotated[str, Parameter(help="What is put in.")] = "",
    why: Annotated[str, Parameter(help="The reason; redacted, and kept in the audit.")] = "",
    request: Annotated[str | None, Parameter(help="The request for rectification that this does.")] = None,
    where: Where = HERE,
) -> None:
    """Correct what is known of a customer (article 16); a wrong identifier parts from them for good.

    Parameters
    ----------
    who
        A customer id or any identifier; or `--request`.
    """
    if (who is None) == (request is None):
        raise Refused("expected a customer, or --request with its id: one of the two", place="rectify")
    with where.open() as space:
        made = (
            space.rectify_asker(request, kind, wrong=wrong, right=right, why=why)
            if request
            else space.rectify(str(who), kind, wrong=wrong, right=right, why=why)
        )
        if where.json:
            show.as_json(made)
            return
        said = [f"{made['struck']} stored values struck out"] if wrong else []
        said += ["what is right was put in"] if right else []
        said += [f"the identifier is customer {made['parted']} now"] if made["parted"] else []
        show.out.print(f"customer {made['customer']}: {'; '.join(said)}; recipients told: {made['told']}")
