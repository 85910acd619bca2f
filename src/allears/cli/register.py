"""The register of processing (article 30)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from allears.cli import show
from allears.cli.where import HERE, Where
from allears.errors import Refused
from allears.show.register import write_html, write_markdown


def register(
    *,
    out: Annotated[Path | None, Parameter(help="A new file to write; default: it is printed.")] = None,
    form: Annotated[
        Literal["markdown", "html"], Parameter(name="--format", help="Of two; `--json` gives it as data.")
    ] = "markdown",
    where: Where = HERE,
) -> None:
    """Generate the register of processing from what is configured and stored; what nobody stated says so."""
    with where.open() as space:
        told = space.register()
    written = write_html(told) if form == "html" else write_markdown(told)
    if out is not None:
        try:
            with out.open("x", encoding="utf-8") as file:
                file.write(written)
        except FileExistsError:
            raise Refused("there is a file already", place="--out") from None
    if where.json:
        show.as_json(told)
    elif out is None:
        show.out.file.write(written)
    else:
        left = len(told["not_stated"])
        said = f"; {left} entries are not stated: register.toml" if left else ""
        show.out.print(f"wrote {out}{said}", highlight=False)
