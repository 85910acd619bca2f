"""How a vendor's rows are read: which path holds which column. Typed data, to and from TOML."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from allears.errors import Refused
from allears.tables.signals import CHANNELS, KINDS, SCALES

TimeFormat = Literal["auto", "mdy", "dmy"]
CONSTANT_COLUMNS = (
    "name",
    "direction",
    "relationship",
    "account",
    "service",
    "release",
    "platform",
    "region",
    "partner",
)


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Which dotted path of a row holds each column of ``arrivals``.

    A path walks into objects and lists: ``comments.0.userComment.text``; a text may be joined from all members
    of a list: ``answers.*.text``. Whatever is neither mapped nor
    ignored is kept in ``properties``.

    Examples
    --------
    >>> mapping = Mapping(text="body", identifiers={"from.email": "email"})
    >>> read_mapping(write_mapping(mapping)) == mapping
    True
    """

    id: str | None = None
    text: str | None = None
    occurred_at: str | None = None
    time_format: Annotated[TimeFormat, Meta(description="mdy or dmy decide dates such as 3/4/2026.")] = "auto"
    zone: Annotated[str | None, Meta(description="IANA zone of times written without one.")] = None
    edited_at: Annotated[
        str | None, Meta(description="When it was last edited: a later version replaces what is stored.")
    ] = None
    deleted: Annotated[
        str | None,
        Meta(description="Path that tells a row was deleted: true, a time, or one of deleted_when."),
    ] = None
    deleted_when: Annotated[
        tuple[str, ...], Meta(description="Values of deleted, lower case, meaning: it was deleted.")
    ] = ()
    name: str | None = None
    rating: str | None = None
    rating_scale: Annotated[
        str | None, Meta(description="nps-0-10, stars-1-5, csat-1-5, ces-1-7, trustid-1-7; null: 0-1.")
    ] = None
    reach: Annotated[tuple[str, ...], Meta(description="The largest of these numbers counts.")] = ()
    thread: str | None = None
    reply_to: Annotated[str | None, Meta(description="Id of the message that this one answers.")] = None
    direction: str | None = None
    outbound: Annotated[
        tuple[str, ...], Meta(description="Values of direction, lower case, meaning: the company spoke.")
    ] = ()
    relationship: str | None = None
    account: str | None = None
    service: str | None = None
    ok: str | None = None
    duration_ms: str | None = None
    release: str | None = None
    platform: str | None = None
    region: str | None = None
    partner: str | None = None
    kind: Annotated[str | None, Meta(description="Fixed kind; null: by what a row holds.")] = None
    channel: Annotated[str | None, Meta(description="Channel, unless the source has its own.")] = None
    channel_from: Annotated[str | None, Meta(description="Path that names the channel of each row.")] = None
    identifiers: Annotated[
        dict[str, str], Meta(description="Path to type: email, phone, user_id, handle ...")
    ] = {}
    personal: Annotated[dict[str, str], Meta(description="Path to type: name, address, birthday ...")] = {}
    network: Annotated[
        str | None, Meta(description="Network of the handles; null: the source's (see `[listen] networks`).")
    ] = None
    network_from: Annotated[
        str | None, Meta(description="Path that names the network of each row's handles.")
    ] = None
    constants: Annotated[dict[str, str], Meta(description="Column to a value that all rows share.")] = {}
    html: Annotated[bool, Meta(description="The text carries HTML tags or entities.")] = False
    ignore: Annotated[tuple[str, ...], Meta(description="Paths that are dropped.")] = ()
    records: Annotated[str | None, Meta(description="Path of the list of rows inside a JSON document.")] = (
        None
    )


def read_mapping(text: str, place: str = "mapping.toml") -> Mapping:
    """Read a mapping from TOML.

    Raises
    ------
    Refused
        The text is not TOML, a name is unknown, or a fixed value is not one of the allowed ones.
    """
    try:
        mapping = msgspec.toml.decode(text, type=Mapping)
    except msgspec.DecodeError as error:
        raise Refused(str(error), place=place) from None
    _one_of(mapping.channel, CHANNELS, "channel", place)
    _one_of(mapping.kind, KINDS, "kind", place)
    _one_of(mapping.rating_scale, SCALES, "rating_scale", place)
    for column in mapping.constants:
        _one_of(column, CONSTANT_COLUMNS, "constants", place)
    return mapping


def write_mapping(mapping: Mapping) -> str:
    """Write a mapping as TOML, only what differs from the defaults."""
    flat, tables = [], []
    for field, value in msgspec.to_builtins(mapping).items():
        if isinstance(value, dict):
            tables.append(f"\n[{field}]")
            tables += [f"{_toml(key)} = {_toml(held)}" for key, held in value.items()]
        else:
            flat.append(f"{field} = {_toml(value)}")
    return "\n".join(flat + tables) + "\n"


def _toml(value: object) -> str:
    # JSON's strings, lists and booleans are also TOML's.
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


def _one_of(value: str | None, allowed: tuple[str, ...], field: str, place: str) -> None:
    if value is not None and value not in allowed:
        raise Refused(f"{field} must be one of {', '.join(allowed)}", place=place)
