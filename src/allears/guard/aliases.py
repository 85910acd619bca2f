"""Aliases under the space's key: one permutation of all digests for each purpose, and desks of before brought under it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from sqlalchemy import Column, Table, bindparam, select, tuple_, update
from sqlalchemy import type_coerce as kept_as
from sqlalchemy.orm import Session

from allears.desk import Base, Desk
from allears.desk.aliases import Aliased
from allears.desk.keys import DestroyedKey, SubjectKey
from allears.desk.listening import Mark
from allears.errors import Refused, WorldFailed
from allears.guard.key_ring import secure
from allears.guard.vault import Vault

MARK = "aliases"
_BYTES = 16
_ROWS = 5_000


class Aliases:
    """Turns digests into the aliases of a purpose, and back.

    Parameters
    ----------
    sub_key
        Gives the key of a purpose, 32 bytes; it must stay when the space's key is replaced.

    Notes
    -----
    A digest is 16 bytes, which is one block of AES: under a key, AES is a pseudorandom permutation of all blocks. So an alias
    is as long as a digest, equal ones stay equal within a purpose, no two become one, and nothing else shows.

    Examples
    --------
    >>> aliases = Aliases(lambda purpose: purpose.encode().ljust(32))
    >>> [alias] = aliases.of("consent", ["ab" * 16])
    >>> len(alias), alias != aliases.of("invitations", ["ab" * 16])[0], aliases.digests("consent", [alias]) == ["ab" * 16]
    (32, True, True)
    """

    def __init__(self, sub_key: Callable[[str], bytes]) -> None:
        self._sub_key = sub_key
        self._known: dict[str, tuple[CipherContext, CipherContext]] = {}
        self._lock = Lock()

    def __repr__(self) -> str:
        return "Aliases()"

    def of(self, purpose: str, digests: Sequence[str]) -> list[str]:
        """Give the alias of each digest.

        Raises
        ------
        Refused
            One is no digest of 32 hexadecimal digits.
        """
        return self._turn(self._ciphers(purpose)[0], digests)

    def digests(self, purpose: str, aliases: Sequence[str]) -> list[str]:
        """Give the digest behind each alias.

        Raises
        ------
        Refused
            One is no alias.
        """
        return self._turn(self._ciphers(purpose)[1], aliases)

    def raw_digests(self, purpose: str, aliases: bytes) -> bytes:
        """Do the same for very many: 16 bytes each, one behind the other, so that none becomes a text of its own.

        Raises
        ------
        Refused
            They are no whole number of aliases.
        """
        if len(aliases) % _BYTES:
            raise Refused("expected digests of 32 hexadecimal digits", place="digest")
        cipher = self._ciphers(purpose)[1]
        with self._lock:
            return cipher.update(aliases)

    def _ciphers(self, purpose: str) -> tuple[CipherContext, CipherContext]:
        if purpose not in self._known:
            # ECB is wrong for messages, whose blocks belong together. Here each block is a whole value by itself, told apart
            # from all others; that equal values look equal is what a pseudonym is for.
            cipher = Cipher(algorithms.AES256(self._sub_key(f"alias/{purpose}")), modes.ECB())
            self._known[purpose] = cipher.encryptor(), cipher.decryptor()
        return self._known[purpose]

    def _turn(self, cipher: CipherContext, values: Sequence[str]) -> list[str]:
        size = 2 * _BYTES
        try:
            raw = bytes.fromhex("".join(values))
        except ValueError:
            raw = b""
        if len(raw) != _BYTES * len(values) or not {size}.issuperset(map(len, values)):
            raise Refused("expected digests of 32 hexadecimal digits", place="digest")
        # Without padding a cipher keeps nothing back and nothing in mind: one serves for all, in turn.
        with self._lock:
            text = cipher.update(raw).hex()
        return [text[at : at + size] for at in range(0, len(text), size)]


def settle_in(desk: Desk, vault: Vault) -> int:
    """Let a desk know its aliases; what an earlier version wrote down under digests is turned into them, once.

    Everything is turned in one transaction, together with the mark that says so: whoever comes meanwhile waits, and what is
    cut off at any moment was never begun.

    Returns
    -------
    int
        How many rows were turned.

    Raises
    ------
    Refused
        This is not the space's key.
    """
    aliases = desk.aliases = Aliases(vault.sub_key)
    mine = aliases.of("the key itself", ["00" * _BYTES])[0]
    with desk.reading() as session:
        if _settled(session, mine):
            return 0
    _try_key(desk, vault)
    with desk.session() as session:
        # Looked at again inside the lock: two processes may have started together.
        if _settled(session, mine):
            return 0
        secure(session)
        turned = sum(_turn_table(session, table, aliases) for table in Base.metadata.sorted_tables)
        session.add(Mark(name=MARK, value=mine))
    if turned:
        with suppress(WorldFailed):  # a long reader keeps the log; its pages go when it is emptied next
            vault.keys.scrub()
    return turned


def aliased(table: Table) -> dict[str, Aliased]:
    """Name the columns of a table that keep aliases."""
    return {column.name: column.type for column in table.columns if isinstance(column.type, Aliased)}


def _settled(session: Session, mine: str) -> bool:
    mark = session.get(Mark, MARK)
    if mark is not None and mark.value != mine:
        raise Refused(
            "this is not the space's key, or its name in allears.toml was changed", place="space key"
        )
    return mark is not None


def _try_key(desk: Desk, vault: Vault) -> None:
    """Open some subject's key: under a wrong one, digests would be turned into what nobody can read."""
    with desk.reading() as session:
        living = SubjectKey.id.not_in(select(DestroyedKey.key_id))
        one = session.execute(
            select(SubjectKey.subject, SubjectKey.generation).where(living).limit(1)
        ).one_or_none()
    if one is not None:
        vault.keys.for_opening({one.subject: one.generation})


def _turn_table(session: Session, table: Table, aliases: Aliases) -> int:
    """Turn what a table holds, a page of its rows at a time."""
    columns, key = aliased(table), list(table.primary_key.columns)
    if not columns:
        return 0
    change = (
        update(table)
        .where(*(k == bindparam(f"key_{k.name}") for k in key))
        .values({name: bindparam(f"new_{name}", type_=type.kept) for name, type in columns.items()})
    )
    kept = (kept_as(table.c[name], type.kept).label(f"was_{name}") for name, type in columns.items())
    pages = select(*key, *kept).order_by(*key)
    rows, query = 0, pages
    while page := session.execute(query.limit(_ROWS)).mappings().all():
        session.connection().execute(change, [_turned(row, columns, key, aliases) for row in page])
        rows += len(page)
        query = pages.where(tuple_(*key) > tuple(page[-1][k.name] for k in key))
    return rows


def _turned(
    row: Mapping[Any, Any], columns: Mapping[str, Aliased], key: Sequence[Column[Any]], aliases: Aliases
) -> dict[str, Any]:
    made = {f"key_{k.name}": row[k.name] for k in key}
    for name, type in columns.items():
        value = row[f"was_{name}"]
        turn = partial(aliases.of, type.purpose)
        made[f"new_{name}"] = None if value is None else type.turned(value, turn)
    return made
