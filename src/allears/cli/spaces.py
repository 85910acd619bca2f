"""Make a space, digest what waits, see how it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from allears.cli import show
from allears.cli.where import HERE, Where
from allears.errors import Refused
from allears.guard.key_file import KINDS
from allears.settings import FILE, DeskSettings, InboxSettings, LakeSettings, Settings, SpaceSettings
from allears.show import words

COUNTS = ("source", "channel", "stored", "duplicates", "refused", "first_at", "last_at")


def new(
    directory: Path,
    /,
    *,
    name: Annotated[
        str | None, Parameter(help="The company's short name; default: the folder's name.")
    ] = None,
    timezone: Annotated[str, Parameter(help="IANA zone of business hours.")] = "UTC",
    country: Annotated[str, Parameter(help="ISO country whose holidays count.")] = "US",
    desk: Annotated[
        str | None,
        Parameter(
            help="A database on PostgreSQL for the desk, `postgresql+pg8000://USER@HOST/DATABASE`; its password is in `$ALLEARS_DESK_PASSWORD`."
        ),
    ] = None,
    lake: Annotated[
        str | None,
        Parameter(
            help="A prefix of a bucket for the lake, `s3://BUCKET/PREFIX`; its key is in `$AWS_ACCESS_KEY_ID` and `$AWS_SECRET_ACCESS_KEY`."
        ),
    ] = None,
    inbox: Annotated[
        str | None,
        Parameter(help="A prefix of a bucket for what was accepted and waits, as for the lake."),
    ] = None,
    key: Annotated[
        str, Parameter(help=f"Where the space's key comes from: {KINDS}; see the how-to.")
    ] = "file",
    json: bool = False,
) -> None:
    """Make a space: a folder with settings, key and stores.

    Parameters
    ----------
    directory
        The folder to make.
    """
    from allears.space import Space

    if (directory / FILE).exists():
        raise Refused("there is a space already", place=str(directory))
    try:
        placed = DeskSettings() if desk is None else DeskSettings(url=desk)
    except ValueError as error:
        raise Refused(str(error), place="--desk") from None
    settings = Settings(
        space=SpaceSettings(name=name or directory.resolve().name[:64], timezone=timezone, country=country),
        desk=placed,
        inbox=InboxSettings() if inbox is None else InboxSettings(url=inbox),
        lake=LakeSettings() if lake is None else LakeSettings(url=lake),
    )
    Space.open(directory, create=True, settings=settings, key=key).close()
    if json:
        show.as_json({"space": str(directory), "name": settings.space.name})
    else:
        show.out.print(
            f"made {directory}; keep {directory / 'space.key'} safe and apart: without it nothing sealed can be opened"
        )
        show.out.print(f"next: allears listen FILE --source NAME --space {directory}", style="dim")


def digest(*, where: Where = HERE) -> None:
    """Take what waits in the inbox over into the lake and look for issues."""
    with where.open() as space:
        done = space.digest()
        if where.json:
            show.as_json(done)
        else:
            show.out.print(
                f"stored {done['stored']:,} signals, {done['duplicates']:,} duplicates, {done['refused']:,} refused; "
                f"{done['issues']} issues new or grown, {done['cases']} cases opened"
            )


def status(*, where: Where = HERE) -> None:
    """Show what was accepted, stored, refused and waits, and the delivery contract."""
    with where.open() as space:
        found = space.status()
        if where.json:
            show.as_json(found)
            return
        show.out.print(
            f"[bold]{found['name']}[/]  accepted {found['accepted']:,} · stored {found['stored']:,} · "
            f"duplicates {found['duplicates']:,} · refused {found['refused']:,} · pending {found['pending']:,}"
        )
        show.rows(found["sources"], COUNTS, title="sources", empty="no source has sent anything yet")
        _stand(found)
        for line in found["contract"]:
            show.out.print(f"  • {line}", style="dim")


def _stand(found: dict[str, Any]) -> None:
    for line in found["wrong"]:
        show.out.print(f"! {line}", style="yellow", markup=False)
    judged = [(s["source"], o) for s in found["sources"] for o in s["objectives"] if o["n"]]
    missed = [(source, o) for source, o in judged if o["standing"] == "misses it"]
    if judged:
        show.out.print(f"objectives of sources: {len(missed)} of {len(judged)} surely missed")
    for source, o in missed:
        show.out.print(f"  ! {source}: {words.spread(o, 1, ' %')}; {o['says']}", style="yellow", markup=False)
    for row in found["surveys"]:
        if row["estimate"] is not None:
            rate = {name: 100 * row[name] for name in ("estimate", "low", "high")} | {"n": row["n"]}
            show.out.print(f"survey {row['survey']}: answered by {words.spread(rate, 1, ' %')}", markup=False)


def sources(*, where: Where = HERE) -> None:
    """List what sends to this space: counts, and which columns were read as what."""
    with where.open() as space:
        found = space.counts()["sources"]
    if where.json:
        show.as_json(found)
        return
    show.rows(found, COUNTS, empty="no source has sent anything yet")
    for source in found:
        mapping = [{"field": field, "column": column} for field, column in (source["mapping"] or {}).items()]
        show.rows(mapping, title=f"{source['source']}: read as", empty="")
