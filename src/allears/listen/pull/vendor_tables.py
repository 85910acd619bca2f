"""A vendor's tables through dlt: how its API is asked and how its rows are shaped; data in TOML, no code."""

from __future__ import annotations

import sys
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import import_module
from importlib.resources import files
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Annotated, Any

import msgspec
from jmespath.exceptions import JMESPathError
from msgspec import Meta

from allears.errors import NotFound, Refused, WorldFailed
from allears.listen.flat import flatten
from allears.listen.mapping import Mapping, infer
from allears.listen.pull import tables
from allears.listen.pull.fetch import host_of
from allears.listen.pull.page import Ask, Cursor, Page, Row, map_rows, nothing
from allears.listen.pull.recipe import compiled, fill


class VendorTables(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One vendor through dlt's declarative REST source.

    In all texts of ``api``, ``{name}`` stands for an option, ``{base}`` for the pull's `url` or the recipe's, ``{secret}`` for the
    key, ``{since}`` and ``{since_seconds}`` for how far back the first pull goes. dlt's own placeholders have dots in their names.
    """

    says: Annotated[str, Meta(description="One line for people.")]
    base: Annotated[str, Meta(description="The usual server; empty: the pull's `url` is needed.")]
    api: Annotated[dict[str, Any], Meta(description="What dlt's `rest_api_source` takes.")]
    tables: Annotated[
        dict[str, str], Meta(description="Table to a JMESPath that makes rows for the mapping of it.")
    ]
    mapping: Mapping
    needs: dict[str, str] = {}
    defaults: dict[str, str] = {}
    secret: Annotated[str | None, Meta(description="What the secret is; null: none is needed.")] = None
    per_minute: Annotated[float, Meta(description="Requests a minute.", gt=0)] = 60.0
    first_days: Annotated[float, Meta(description="How far back the first pull goes.", gt=0)] = 365.0


class ModuleOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the kind ``dlt``."""

    module: Annotated[
        str,
        Meta(
            description="MODULE:FUNCTION that gives a dlt source; a file of the space's folder, or installed."
        ),
    ]
    arguments: Annotated[dict[str, Any], Meta(description="What the function is called with.")] = {}
    tables: Annotated[tuple[str, ...], Meta(description="Only these tables; none: all.")] = ()


class Dlt:
    """Pulls the tables of a dlt source.

    dlt's state moves on only when the source has ended and all its rows are durable: a pull that was cut off begins again where
    the one before it ended, and ids keep what came already from counting twice.
    """

    relists = True

    def __init__(self, ask: Ask, vendor: VendorTables | None = None) -> None:
        self._ask, self._vendor = ask, vendor
        self.mapping = ask.mapping or (vendor.mapping if vendor else None)
        self._shapes = {
            table: compiled(shape, ask.place) for table, shape in (vendor.tables if vendor else {}).items()
        }
        self._found: dict[str, Mapping] = {}
        if vendor is not None:
            ask.demand(vendor)
        else:
            self._options = ask.options_as(ModuleOptions)
            if ":" not in self._options.module:
                raise Refused("option `module` must be MODULE:FUNCTION", place=ask.place)

    def pages(self, cursor: Cursor) -> Generator[Page, None, None]:
        """Fetch what is new."""
        source, close = self._source()
        try:
            with_state = tables.read_state(cursor.get("dlt"))
            for table, rows in tables.drain(source, with_state, self._ask.place):
                if self._ask.stop.is_set():
                    return
                shaped = self._shaped(table, rows)
                if shaped:
                    mapping = self._mapping_of(table, shaped)
                    yield Page(map_rows(shaped, mapping, self._ask.context(), table))
            yield Page(nothing(), {"dlt": tables.write_state(with_state)})
        finally:
            close()

    def _source(self) -> tuple[Any, Any]:
        ask = self._ask
        if self._vendor is None:
            source = tables.open_source(lambda: self._called(), ask.folder, ask.place)
            wanted = self._options.tables
            missing = sorted(set(wanted) - set(source.resources))
            if missing:
                raise NotFound(
                    f"no table {', '.join(missing)}; there are {', '.join(sorted(source.resources))}",
                    place=ask.place,
                )
            return (source.with_resources(*wanted) if wanted else source), lambda: None
        return self._declared(self._vendor)

    def _declared(self, vendor: VendorTables) -> tuple[Any, Any]:
        values = _values(self._ask, vendor)
        try:
            from allears.listen.pull.declared import declare
        except ImportError:
            raise Refused(tables.MISSING, place=self._ask.place) from None
        host = host_of(values["base"], self._ask.place)
        return declare(filled_in(vendor.api, values), self._ask, frozenset({host}), vendor.per_minute)

    def _called(self) -> Any:
        name, _, function = self._options.module.partition(":")
        made = getattr(_module(self._ask, name), function, None)
        if made is None:
            raise NotFound(f"no `{function}` in the module {name}", place=self._ask.place)
        arguments = dict(self._options.arguments)
        return made(**{k: self._ask.secret if v == "{secret}" else v for k, v in arguments.items()})

    def _shaped(self, table: str, rows: list[Row]) -> list[Row]:
        if self._vendor is None:
            return rows
        if table not in self._shapes:
            return []
        try:
            found = self._shapes[table].search(rows)
        except (JMESPathError, TypeError, ValueError):
            raise WorldFailed(f"rows of {table} have another shape", place=self._ask.place) from None
        return [
            {k: v for k, v in row.items() if v is not None} for row in found or () if isinstance(row, dict)
        ]

    def _mapping_of(self, table: str, rows: list[Row]) -> Mapping:
        if self.mapping is not None:
            return self.mapping
        if table not in self._found:
            self._found[table] = infer([flatten(row) for row in rows[:200]])
        return self._found[table]


def filled_in(held: Any, values: dict[str, str]) -> Any:
    """Fill the texts inside a structure.

    Examples
    --------
    >>> filled_in({"url": "{base}/x", "n": [1, "{resources.a.id}"]}, {"base": "https://a.example"})
    {'url': 'https://a.example/x', 'n': [1, '{resources.a.id}']}
    """
    if isinstance(held, str):
        return fill(held, values, quoted=False)
    if isinstance(held, dict):
        return {key: filled_in(inner, values) for key, inner in held.items()}
    return [filled_in(inner, values) for inner in held] if isinstance(held, list) else held


@lru_cache(maxsize=1)
def shipped_tables() -> tuple[str, ...]:
    """Name the vendors that ship."""
    return tuple(
        sorted(e.name.removesuffix(".toml") for e in _folder().iterdir() if e.name.endswith(".toml"))
    )


@lru_cache(maxsize=64)
def read_tables(name: str) -> VendorTables:
    """Read a vendor that ships."""
    return read_vendor_tables((_folder() / f"{name}.toml").read_text("utf-8"), f"{name}.toml")


def read_vendor_tables(text: str, place: str) -> VendorTables:
    """Read a vendor's tables from TOML.

    Raises
    ------
    Refused
        It is not TOML, or a name, value or shape is wrong.
    """
    try:
        vendor = msgspec.toml.decode(text, type=VendorTables)
    except msgspec.DecodeError as error:
        raise Refused(str(error), place=place) from None
    for shape in vendor.tables.values():
        compiled(shape, place)
    return vendor


def _values(ask: Ask, vendor: VendorTables) -> dict[str, str]:
    now = ask.context().received_at
    since = max(now - timedelta(days=vendor.first_days), datetime(2000, 1, 1, tzinfo=UTC))
    options = vendor.defaults | {name: str(value) for name, value in ask.options.items()}
    return {
        **options,
        "base": (ask.url or fill(vendor.base, options)).rstrip("/"),
        "secret": ask.secret or "",
        "since": since.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "since_seconds": str(int(since.timestamp())),
    }


def _module(ask: Ask, name: str) -> Any:
    path = (ask.folder / f"{name}.py").resolve()
    if not name.isidentifier() or not path.is_file():
        return import_module(name)
    spec = spec_from_file_location(f"allears_space_{name}", Path(path))
    if spec is None or spec.loader is None:
        raise NotFound("no such module", place=ask.place)
    module = module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


def _folder() -> Any:
    return files("allears.listen.pull") / "tables_of"
