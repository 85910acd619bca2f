"""An engine that shows only some people's rows: all but theirs, or theirs alone. Questions are asked of it unchanged.

The lake's views are laid once more, in a schema of their own, joined against the keys: one anti-join in the engine, no row
of anybody left out ever reaches Python.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from allears.lake.engine import OF_PEOPLE, Engine


class Narrowed(Engine):
    """Answers questions about the lake as if some people's rows were not in it.

    Parameters
    ----------
    whole
        The engine that sees everything.
    keys
        Whose rows: keys as signals bear them.
    only
        Show those alone (rows of nobody known go too); else all but those.
    """

    def __init__(self, whole: Engine, keys: pa.Array, *, only: bool) -> None:
        self._whole, self._keys, self._only, self._people = whole, keys, only, (keys, only)
        self._store, self._lock, self._ibis = whole._store, whole._lock, whole._ibis
        self._options, self._memory = whole._options, whole._memory
        self._versions, self._tables, self._still = {}, {}, False
        self._under: set[str] = set()
        told = "\n".join(sorted(keys.to_pylist()))
        self._schema = f"for_{blake2b(f'{only}{told}'.encode(), digest_size=12).hexdigest()}"
        self._marks: tuple[int, dict[str, bytes]] | None = None

    @contextmanager
    def standing_still(self, name: str) -> Iterator[int]:
        """Answer from one version of the lake until the end; gives a table's number."""
        with self._whole.standing_still(name) as version:
            yield version

    def made_of(self, name: str) -> dict[str, bytes]:
        """Give for each day what its rows are made of now: days on which people are left out differ by who they are."""
        with self._lock:
            days, version = self._whole.made_of(name), self._whole.version(name)
            if name not in OF_PEOPLE:
                return days
            if self._marks is None or self._marks[0] != version:
                self._lay(name)
                rows = self._ibis.con.sql(
                    f"""SELECT s.day, count(*) AS n, bit_xor(hash(s.customer_key)) AS who FROM main.{name} s
                        SEMI JOIN {self._schema}.people p ON s.{OF_PEOPLE[name]} = p.key GROUP BY s.day"""
                ).fetchall()
                changed = {day: f"{self._only} {n} {who}".encode() for day, n, who in rows}
                nobody = b"nobody" if self._only else b""
                self._marks = (
                    version,
                    {
                        day: blake2b(held + told, digest_size=16).digest() if told else held
                        for day, held in days.items()
                        for told in (changed.get(day, nobody),)
                    },
                )
            return self._marks[1]

    def by_ids(self, columns: Sequence[str], hashes: pa.Array, days: Sequence[str] | None = None) -> pa.Table:
        """Give the signals whose ids hash to these, narrowed."""
        column = OF_PEOPLE["signals"]
        wanted = list(columns) if column in columns else [*columns, column]
        found = self._whole.by_ids(wanted, hashes, days)
        theirs = pc.is_in(found[column], value_set=self._keys.cast(pa.string()))
        return found.filter(theirs if self._only else pc.invert(theirs)).select(list(columns))

    def query(self, sql: str, **values: object) -> pa.Table:
        """Answer our own SQL over the lake tables it names, narrowed."""
        with self._lock:
            self._named_in(sql)
            self._ibis.con.execute(f"SET search_path='{self._schema},main'")
            try:
                return self._ibis.con.sql(sql, params=values or None).to_arrow_table()
            finally:
                self._ibis.con.execute("SET search_path='main'")

    def close(self) -> None:
        """Nothing of its own to let go of."""

    def _newest(self, name: str) -> int:
        return self._whole.version(name)

    def _laid(self, name: str) -> ibis.Table:
        if name not in OF_PEOPLE:
            return self._whole.table(name)
        self._lay(name)
        return self._ibis.table(name, database=self._schema)

    def _lay(self, name: str) -> None:
        con = self._ibis.con
        if not self._under:
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {self._schema}")
            keys = pa.table({"key": self._keys.cast(pa.string())})
            con.register("_people", keys)
            con.execute(f"CREATE TABLE IF NOT EXISTS {self._schema}.people AS SELECT key FROM _people")
            con.unregister("_people")
        if name not in self._under:
            kind = "SEMI" if self._only else "ANTI"
            con.execute(
                f"""CREATE OR REPLACE VIEW {self._schema}.{name} AS SELECT s.* FROM main.{name} s
                    {kind} JOIN {self._schema}.people p ON s.{OF_PEOPLE[name]} = p.key"""
            )
            self._under.add(name)
