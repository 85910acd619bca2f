"""How one vendor's webhooks are read: an adapter is data, written in TOML with JMESPath expressions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from allears.errors import Refused
from allears.guard.signature import Signature
from allears.listen.bodies import Form
from allears.listen.expressions import Expression

Pair = tuple[str, str]
Text = str | None
IDENTIFYING = ("email", "phone", "user_id", "handle", "local", "account")
PERSONAL = ("name", "handle", "email", "phone", "address", "birthday")
COLUMNS = (
    "id", "time", "edited", "text", "kind", "channel", "name", "direction", "thread", "account", "relationship",
    "rating", "scale", "reach", "service", "release", "platform", "region", "partner",
)  # fmt: skip


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One kind of event, and where in it each column stands. Every value is a JMESPath expression."""

    when: Annotated[str, Meta(description="The rule is for events where this holds.")]
    does: Literal["create", "edit", "delete", "ignore"] = "create"
    each: Annotated[
        tuple[Pair, ...], Meta(description="Lists to walk into: what to call a member, and the list.")
    ] = ()
    id: Annotated[Text, Meta(description="The message's own id: edits and deletes name the same.")] = None
    time: Annotated[Text, Meta(description="When it was said first.")] = None
    edited: Annotated[Text, Meta(description="When this version was written; default: on arrival.")] = None
    text: Text = None
    kind: Text = None
    channel: Text = None
    name: Annotated[Text, Meta(description="Event or question.")] = None
    direction: Annotated[Text, Meta(description="in or out; default in.")] = None
    thread: Text = None
    account: Text = None
    relationship: Text = None
    rating: Text = None
    scale: Annotated[Text, Meta(description="nps-0-10, stars-1-5, csat-1-5, ces-1-7; null: 0-1.")] = None
    reach: Text = None
    service: Text = None
    release: Text = None
    platform: Text = None
    region: Text = None
    partner: Text = None
    html: Annotated[bool, Meta(description="The text carries tags or entities.")] = False
    who: Annotated[
        dict[str, str],
        Meta(
            description="email, phone, user_id (the company's own), handle (on the vendor's network), local (id within this source), account."
        ),
    ] = {}
    personal: Annotated[dict[str, str], Meta(description="name, handle, address ... to hide in texts.")] = {}
    properties: Annotated[dict[str, str], Meta(description="What else is worth keeping.")] = {}


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What the vendor wants to hear. The first whose ``when`` holds; else our own JSON."""

    when: str
    body: Annotated[Text, Meta(description="Expression; text is sent as it is, anything else as JSON.")] = (
        None
    )
    type: str = "application/json"
    status: int = 200
    handshake: Annotated[bool, Meta(description="Nothing but a greeting: no event in it.")] = False
    method: Literal["POST", "GET"] = "POST"
    token: Annotated[Text, Meta(description="Must equal the channel's verify token (GET is not signed).")] = (
        None
    )


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A payload as the vendor sends it, and what must come of it: `allears channels try VENDOR` holds the adapter to it."""

    body: Annotated[str, Meta(description="The body: JSON, form fields or XML.")]
    content_type: str = "application/json"
    headers: Annotated[dict[str, str], Meta(description="Headers that the rules read, lower case.")] = {}
    gives: Literal["create", "edit", "delete", "ignore"] = "create"
    id: Annotated[Text, Meta(description="The message's own id that must come out.")] = None
    text: Annotated[Text, Meta(description="The text that must come out.")] = None


class Vendor(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One vendor's adapter."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")]
    title: str
    says: Annotated[str, Meta(description="What comes in, in a few words.")]
    setup: Annotated[str, Meta(description="Where to paste what, in the vendor's settings.")]
    docs: str = ""
    verified: Annotated[str, Meta(description="What the signature scheme was checked against.")] = ""
    network: Annotated[str, Meta(description="Prefix of handles; default: the vendor's name.")] = ""
    channel: Annotated[str, Meta(description="Channel, unless a rule says otherwise.")]
    body: tuple[Form, ...] = ("json",)
    packed: Annotated[Text, Meta(description="Form field that holds the document as JSON.")] = None
    headers: Annotated[tuple[str, ...], Meta(description="Headers that rules read, lower case.")] = ()
    secret: Annotated[
        Literal["given", "made"], Meta(description="The vendor gives the secret, or Allears makes one.")
    ] = "given"
    signature: tuple[Signature, ...]
    events: Annotated[tuple[Pair, ...], Meta(description="Lists that part a body into events.")] = ()
    answer: tuple[Answer, ...] = ()
    reads: Annotated[
        Literal["events", "call"],
        Meta(description="What a body is: events, which rules map; or the transcript of a call."),
    ] = "events"
    rule: tuple[Rule, ...] = ()
    example: tuple[Example, ...] = ()


class Reader:
    """A vendor's adapter with its expressions compiled."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.network = vendor.network or vendor.name
        place = f"{vendor.name}.toml"
        self.events = [(name, Expression(text, f"{place} events")) for name, text in vendor.events]
        self.rules = [CompiledRule(rule, f"{place} rule {n}") for n, rule in enumerate(vendor.rule, 1)]
        self.answers = [CompiledAnswer(one, f"{place} answer {n}") for n, one in enumerate(vendor.answer, 1)]


class CompiledRule:
    """A rule with its expressions compiled."""

    def __init__(self, rule: Rule, place: str) -> None:
        for key, allowed in (("who", IDENTIFYING), ("personal", PERSONAL)):
            for kind in getattr(rule, key):
                if kind not in allowed:
                    raise Refused(f"{key} may be {', '.join(allowed)}", place=place)
        if rule.does in ("edit", "delete") and rule.id is None:
            raise Refused("an edit or delete needs the id of what it changes", place=place)
        self.rule = rule
        self.when = Expression(rule.when, f"{place} when")
        self.each = [(name, Expression(text, f"{place} each")) for name, text in rule.each]
        self.column = {
            name: Expression(text, f"{place} {name}") for name in COLUMNS if (text := getattr(rule, name))
        }
        self.who, self.personal, self.properties = (
            {kind: Expression(text, f"{place} {key}.{kind}") for kind, text in getattr(rule, key).items()}
            for key in ("who", "personal", "properties")
        )

        # What is read from within and never as it is: of another type it would be missing in silence.
        read = [
            one.reads()
            for found in (self.column, self.who, self.personal, self.properties)
            for one in found.values()
        ]
        whole = set().union(*(taken for _, taken in read))
        self.objects = sorted(set().union(*(objects for objects, _ in read)) - whole)

    def of(self, column: str, scope: dict[str, Any]) -> Any:
        """Evaluate a column's expression; None where the rule has none."""
        expression = self.column.get(column)
        return None if expression is None else expression.of(scope)


class CompiledAnswer:
    """An answer with its expressions compiled."""

    def __init__(self, answer: Answer, place: str) -> None:
        self.answer = answer
        self.when = Expression(answer.when, f"{place} when")
        self.body = Expression(answer.body, f"{place} body") if answer.body else None
        self.token = Expression(answer.token, f"{place} token") if answer.token else None


def read_vendor(text: str, place: str = "vendor.toml") -> Reader:
    """Read an adapter from TOML and compile it.

    Raises
    ------
    Refused
        Not TOML, an unknown field, or an expression that is no JMESPath; ``place`` says which.
    """
    try:
        vendor = msgspec.toml.decode(text, type=Vendor)
    except msgspec.DecodeError as error:
        raise Refused(str(error), place=place) from None
    if (vendor.reads == "events") != bool(vendor.rule):
        raise Refused("events need a `rule`, and a call has none", place=place)
    return Reader(vendor)
