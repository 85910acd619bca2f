"""A recipe: how one web API is asked page by page and how its rows are read; data in TOML, no code."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError
from msgspec import Meta

from allears.errors import NotFound, Refused
from allears.listen.mapping import Mapping
from allears.listen.pull.page import Ask

_PLACE = re.compile(r"\{(\w+)\}")


class Next(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the next page is asked for."""

    parameter: Annotated[str, Meta(description="Query parameter, or a name in braces in the url.")]
    token: Annotated[
        str | None, Meta(description="JMESPath of the value in the answer; null: pages are counted.")
    ] = None
    first: Annotated[int, Meta(description="Number of the first page, where pages are counted.")] = 1


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One web API.

    In ``url``, ``query`` and ``headers``, ``{name}`` stands for an option, ``{secret}`` for the key, ``{since}`` for the second
    from which on rows are wanted, ``{last}`` for the last value of the token. A query value whose name has no value is left out.
    """

    says: Annotated[str, Meta(description="One line for people.")]
    url: Annotated[str, Meta(description="Begins with {base}, the pull's own `url` or the recipe's.")]
    records: Annotated[str, Meta(description="JMESPath of the list of rows.")]
    mapping: Mapping
    needs: Annotated[dict[str, str], Meta(description="Options that must be given, with what they are.")] = {}
    defaults: Annotated[dict[str, str], Meta(description="Options that may be given.")] = {}
    base: Annotated[str | None, Meta(description="The usual server; null: the pull's `url` is needed.")] = (
        None
    )
    secret: Annotated[str | None, Meta(description="What the secret is; null: none is needed.")] = None
    query: dict[str, str] = {}
    headers: dict[str, str] = {}
    next: Next | None = None
    order: Annotated[
        Literal["newest", "oldest", "present"],
        Meta(
            description="newest: read back to what is known; oldest: each page moves the cursor; present: a reading of now, again each time."
        ),
    ] = "newest"
    most_pages: Annotated[int, Meta(description="Pages asked for in one pull.", ge=1)] = 10
    per_minute: Annotated[float, Meta(description="Requests a minute.", gt=0)] = 30.0
    overlap_hours: Annotated[
        float, Meta(description="How far behind the newest known row is read again.", ge=0)
    ] = 1.0
    first_days: Annotated[float, Meta(description="How far back the first pull goes.", gt=0)] = 30.0


@lru_cache(maxsize=256)
def _compile(expression: str) -> Any:
    return jmespath.compile(expression)


def compiled(expression: str, place: str) -> Any:
    """Compile a JMESPath expression.

    Raises
    ------
    Refused
        It is none.
    """
    try:
        return _compile(expression)
    except JMESPathError:
        raise Refused("expected a JMESPath expression in `records` and `token`", place=place) from None


def fill(text: str, values: dict[str, str], *, quoted: bool = True) -> str:
    """Put values into a template; in an address they are quoted, except a base address.

    Examples
    --------
    >>> fill("https://example.com/r/{name}.json", {"name": "a/b"})
    'https://example.com/r/a%2Fb.json'
    """

    def put(found: re.Match[str]) -> str:
        name = found[1]
        value = values.get(name, "")
        return value if name == "base" or not quoted else quote(value, safe="")

    return _PLACE.sub(put, text)


def filled(text: str, values: dict[str, str]) -> bool:
    """Tell whether all names of a template have values."""
    return all(values.get(name) not in (None, "") for name in _PLACE.findall(text))


def shipped() -> dict[str, str]:
    """List the recipes that ship: name and what each says."""
    return {name: read_shipped(name).says for name in shipped_names()}


@lru_cache(maxsize=1)
def shipped_names() -> tuple[str, ...]:
    """Name the recipes that ship."""
    return tuple(
        sorted(
            entry.name.removesuffix(".toml") for entry in _folder().iterdir() if entry.name.endswith(".toml")
        )
    )


@lru_cache(maxsize=64)
def read_shipped(name: str) -> Recipe:
    """Read a recipe that ships."""
    return read_recipe((_folder() / f"{name}.toml").read_text("utf-8"), f"{name}.toml")


def own_text(ask: Ask, name: str) -> str:
    """Read the text of a recipe of the space's own, from its folder.

    Raises
    ------
    NotFound
        There is no such file inside the folder.
    """
    path = (ask.folder / name).resolve()
    if not path.is_relative_to(Path(ask.folder).resolve()) or not path.is_file():
        raise NotFound("no such recipe in the space's folder", place=ask.place)
    return path.read_text("utf-8")


def read_recipe(text: str, place: str) -> Recipe:
    """Read a recipe from TOML.

    Raises
    ------
    Refused
        It is not TOML, or a name or value is unknown.
    """
    try:
        recipe = msgspec.toml.decode(text, type=Recipe)
    except msgspec.DecodeError as error:
        raise Refused(str(error), place=place) from None
    compiled(recipe.records, place)
    if not recipe.url.startswith("{base}/"):
        raise Refused("expected a url that begins with {base}/", place=place)
    return recipe


def _folder() -> Any:
    return files("allears.listen.pull") / "recipes"
