"""Settings: one frozen object, built once at the door from ``allears.toml``, and passed down.

Nothing below a door reads the environment. Each field has its default, unit, range and a sentence of help;
``docs/reference.md`` lists them all and a test keeps it so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from allears.errors import NotFound, Refused

FILE = "allears.toml"


class SpaceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[space]``: who this folder is about."""

    name: Annotated[
        str, Meta(description="The company's short name, shown on pages.", min_length=1, max_length=64)
    ] = "space"
    timezone: Annotated[str, Meta(description="IANA zone for business hours, weekdays and holidays.")] = "UTC"
    country: Annotated[
        str, Meta(description="ISO 3166 country whose public holidays count.", pattern="^[A-Z]{2}$")
    ] = "US"
    region: Annotated[
        str, Meta(description="ISO country assumed for phone numbers without a prefix.", pattern="^[A-Z]{2}$")
    ] = "US"
    employee_domains: Annotated[
        tuple[str, ...], Meta(description="E-mail domains whose owners are employees.")
    ] = ()
    partner_domains: Annotated[
        tuple[str, ...], Meta(description="E-mail domains whose owners work for partners.")
    ] = ()


class InboxSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[inbox]``: where what was accepted waits for the digest."""

    url: Annotated[
        str,
        Meta(
            description="`inbox`, the folder of that name, or `s3://BUCKET/PREFIX`, whose key comes from the variables of the lake's; needs the extra `bucket`.",
            pattern=r"^(inbox|s3://[^\s@]+)$",
        ),
    ] = "inbox"
    region: Annotated[str, Meta(description="The bucket's region; empty: `AWS_REGION`.")] = ""
    endpoint: Annotated[
        str, Meta(description="Address of an S3-compatible store; empty: `AWS_ENDPOINT_URL`, else Amazon's.")
    ] = ""


class LakeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[lake]``: where signals are kept."""

    url: Annotated[
        str,
        Meta(
            description="Where the Delta tables are: a folder, relative to the space, or `s3://BUCKET/PREFIX`, whose key comes from the variables `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`."
        ),
    ] = "lake"
    region: Annotated[str, Meta(description="The bucket's region; empty: `AWS_REGION`.")] = ""
    endpoint: Annotated[
        str, Meta(description="Address of an S3-compatible store; empty: `AWS_ENDPOINT_URL`, else Amazon's.")
    ] = ""
    copies: Annotated[
        str, Meta(description="Folder, relative to the space, for copies of what a bucket holds.")
    ] = "copies"
    batch_rows: Annotated[int, Meta(description="Signals per micro-batch.", ge=100, le=1_000_000)] = 50_000
    second_process: Annotated[
        bool, Meta(description="Give part of large batches to a second process, where there are two cores.")
    ] = True
    dedup_days: Annotated[
        int, Meta(description="Days during which a signal id counts only once.", ge=1, le=3650)
    ] = 30


class DeskSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[desk]``: the operational store."""

    url: Annotated[
        str,
        Meta(
            description="`sqlite:///FILE`, relative to the space, or `postgresql+pg8000://USER@HOST/DATABASE`, without a password."
        ),
    ] = "sqlite:///desk.db"
    secret_env: Annotated[str, Meta(description="Environment variable with PostgreSQL's password.")] = (
        "ALLEARS_DESK_PASSWORD"
    )
    secret_file: Annotated[
        str,
        Meta(
            description="A file with PostgreSQL's password, relative to the space, where the variable is not set; empty: none."
        ),
    ] = ""
    tls: Annotated[
        Literal["auto", "on", "off"],
        Meta(
            description="Whether PostgreSQL is reached over TLS, its certificate checked; `auto`: unless it is on this machine."
        ),
    ] = "auto"
    ca_file: Annotated[
        str,
        Meta(
            description="Certificates that vouch for PostgreSQL's, relative to the space; empty: the system's."
        ),
    ] = ""

    def __post_init__(self) -> None:
        """Refuse a password in the address: settings are shown, copied and backed up."""
        scheme, _, rest = self.url.partition("://")
        if not scheme.startswith("sqlite") and (":" in rest.rpartition("@")[0] or "password=" in rest):
            raise ValueError("expected no password in `url`: `secret_env` or `secret_file` say where it is")


class EngineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[engine]``: who answers questions."""

    url: Annotated[
        str,
        Meta(
            description="`duckdb`, `spark://HOST:PORT` (a standalone master) or `local[N]`; Spark needs the extra `spark` and Java.",
            pattern=r"^(duckdb|spark://[^\s/?#@]+:[0-9]+(,[^\s/?#@]+:[0-9]+)*|local\[([1-9][0-9]*|\*)\])$",
        ),
    ] = "duckdb"
    options: Annotated[
        dict[str, str],
        Meta(description="Spark's own settings, such as `spark.executor.memory`; DuckDB has none here."),
    ] = {}
    digest: Annotated[
        bool,
        Meta(
            description="Large batches are digested on Spark's machines too: texts travel there before they are redacted, keys never."
        ),
    ] = False
    memory_mb: Annotated[int, Meta(description="Memory the engine may use, MB.", ge=128)] = 2048
    threads: Annotated[
        int, Meta(description="Threads the engine may use; 0 means all cores.", ge=0, le=1024)
    ] = 0


class ListenSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[listen]``: what is taken in, and when to say stop."""

    max_body_mb: Annotated[
        int, Meta(description="Largest request body, MB, after decompression.", ge=1, le=1024)
    ] = 16
    max_line_mb: Annotated[
        int, Meta(description="Longest line of a file that is read, MB.", ge=1, le=1024)
    ] = 32
    segment_mb: Annotated[
        int, Meta(description="A segment file is closed at this size, MB.", ge=1, le=4096)
    ] = 64
    pending_mb: Annotated[
        int, Meta(description="Bytes waiting for the disk before 429 is answered, MB.", ge=1)
    ] = 64
    min_free_mb: Annotated[int, Meta(description="Free disk below which 429 is answered, MB.", ge=0)] = 256
    max_event_kb: Annotated[
        int, Meta(description="Largest single Segment call, KB; Segment's own limit is 32.", ge=1)
    ] = 32
    max_batch_kb: Annotated[
        int,
        Meta(
            description="Largest Segment request, KB; Segment's own limit is 500, RudderStack's 4096.", ge=1
        ),
    ] = 500
    inflight_mb: Annotated[
        int, Meta(description="Bytes of requests still on their way in before 429 is answered, MB.", ge=1)
    ] = 64
    inbox_mb: Annotated[
        int, Meta(description="Size of the inbox, not digested yet, above which 429 is answered, MB.", ge=1)
    ] = 8192
    max_connections: Annotated[
        int, Meta(description="Connections open at once; one more is closed.", ge=1)
    ] = 1000
    head_seconds: Annotated[
        float, Meta(description="Seconds in which a request's head must be there.", gt=0)
    ] = 10.0
    body_seconds: Annotated[
        float, Meta(description="Seconds in which a request's body must be there.", gt=0)
    ] = 30.0
    networks: Annotated[
        dict[str, str],
        Meta(
            description="Source to the network of its handles; sources with one network share them. Default: by the source's name."
        ),
    ] = {}
    max_skew_days: Annotated[
        int, Meta(description="A time further in the future than this is taken as the time of arrival.", ge=0)
    ] = 2


class AskSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[ask]``: our own surveys."""

    url: Annotated[
        str,
        Meta(
            description="Address under which customers reach the survey pages, written into links.",
            pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$",
        ),
    ] = "http://127.0.0.1:8765"


class KnowSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[know]``: who is who."""

    link_daily: Annotated[
        bool,
        Meta(
            description="Once a day `allears serve` looks for customers that are probably one, as `allears link` does; needs the extra `link`."
        ),
    ] = False
    trait_rule: Annotated[
        Literal["recent", "trusted", "frequent"],
        Meta(
            description="Which value of a trait counts where sources differ: told last, told by the most trusted source, or told on most days."
        ),
    ] = "recent"
    trait_rules: Annotated[
        dict[str, Literal["recent", "trusted", "frequent"]],
        Meta(description='Trait to a rule of its own, such as `plan = "trusted"`.'),
    ] = {}
    trusted_sources: Annotated[
        tuple[str, ...],
        Meta(description="Sources of traits, the most trusted first; those not listed come last."),
    ] = ()
    segments_minutes: Annotated[
        float,
        Meta(
            description="`allears serve` counts the segments of customers this often, and notes who entered and left.",
            gt=0,
            le=1440,
        ),
    ] = 5.0


class WatchSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[watch]``: how many false alarms a week are tolerable."""

    false_alarms_per_week: Annotated[
        float, Meta(description="Budget of false alarms a week, all series together.", gt=0, le=100)
    ] = 1.0
    min_customers: Annotated[
        int, Meta(description="Fewest different authors before an issue is raised.", ge=1)
    ] = 5


class GuardSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[guard]``: what is hidden in texts before anything else reads them, from then on; what is kept for those who check."""

    level: Annotated[
        Literal["standard", "strict"],
        Meta(
            description="`standard` hides what points at a person; `strict` also places, organisations, dates, titles, nationalities, sites and capitalised words that no list knows."
        ),
    ] = "standard"
    also: Annotated[
        tuple[str, ...],
        Meta(
            description="Kinds hidden besides: `PLACE`, `ORGANISATION`, `DATE`, `TITLE`, `NATIONALITY`, `SITE`, `GUESS`, `AMOUNT`."
        ),
    ] = ()
    keep: Annotated[
        tuple[str, ...], Meta(description="Kinds of the same list left readable, whatever the level.")
    ] = ()
    spotter: Annotated[
        str,
        Meta(
            description="A model that finds more: `module:callable`, or the name of an entry point of the group `allears.spotters`."
        ),
    ] = ""
    heads_file: Annotated[
        str,
        Meta(
            description="A file, best on another disk or a write-once share, to which each signed head of the audit is appended; empty: none."
        ),
    ] = ""
    heads_minutes: Annotated[
        int, Meta(description="Minutes between signed heads while the audit grows.", ge=1, le=1440)
    ] = 5
    second_factor: Annotated[
        tuple[Literal["cio", "analyst", "agent", "engineer", "privacy", "partner", "sender"], ...],
        Meta(description="Roles whose people do not get in without a second factor (an authenticator)."),
    ] = ()
    four_eyes_above: Annotated[
        int,
        Meta(
            description="Exports of more people than this, and erasing more at once, need a second person; -1: nothing does.",
            ge=-1,
        ),
    ] = 1000
    four_eyes_hours: Annotated[
        int, Meta(description="Hours such a request and the yes to it hold.", ge=1, le=720)
    ] = 24
    session_hours: Annotated[
        int, Meta(description="Hours after which a log-in ends whatever happens.", ge=1, le=720)
    ] = 12
    session_idle_minutes: Annotated[
        int,
        Meta(
            description="Minutes without an act after which a log-in ends; a page left open is no act.",
            ge=1,
            le=43_200,
        ),
    ] = 60
    allowed_hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="Names under which pages and API are reached, such as `ears.example.com`; `*.example.com` for all below. Loopback, bare addresses, `--host` and the hosts of `[ask] url` and `[oidc] url` always are."
        ),
    ] = ()
    erasures_file: Annotated[
        str,
        Meta(
            description="The list of acts by right (who was erased, in pseudonyms; the rest sealed), for `allears restore`; best on another disk."
        ),
    ] = "erasures.jsonl"


class OidcSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[oidc]``: log-in at the company's own provider."""

    issuer: Annotated[
        str,
        Meta(
            description="The provider's issuer, exactly as it names itself; https, but on loopback. Empty: none.",
            pattern=r"^(https://[^\s?#]+|http://(127\.0\.0\.1|localhost)(:[0-9]+)?(/[^\s?#]*)?)?$",
        ),
    ] = ""
    client_id: Annotated[str, Meta(description="What this space is called at the provider.")] = ""
    secret_env: Annotated[str, Meta(description="Environment variable with the client's secret.")] = (
        "ALLEARS_OIDC_SECRET"
    )
    url: Annotated[
        str,
        Meta(
            description="Address under which the pages are reached; the provider sends people back to `/login/oidc/back` below it.",
            pattern=r"^https?://[^\s/?#]+/?$",
        ),
    ] = "http://127.0.0.1:8765"
    groups_claim: Annotated[str, Meta(description="The claim that lists somebody's groups.")] = "groups"
    name_claim: Annotated[
        str,
        Meta(
            description="The claim that names somebody, on pages and in the audit; it must be theirs alone."
        ),
    ] = "sub"
    roles: Annotated[
        dict[str, Literal["cio", "analyst", "agent", "engineer", "privacy"]],
        Meta(description="Group to role; the first that fits counts, who is in none stays out."),
    ] = {}


class PullSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``[[pull]]``: one place that is asked for news, again and again."""

    name: Annotated[
        str,
        Meta(
            description="What to call this source; part of every signal id.",
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        ),
    ]
    kind: Annotated[str, Meta(description="What is asked; `allears pulls kinds` lists them.")]
    url: Annotated[
        str | None, Meta(description="Where; needed for imap, mastodon, feed, sql, folder, bucket.")
    ] = None
    channel: Annotated[
        str | None, Meta(description="Channel of all its signals, where the kind leaves it open.")
    ] = None
    every_seconds: Annotated[
        float, Meta(description="How often `allears serve` asks, seconds.", ge=1, le=86_400 * 7)
    ] = 300.0
    per_minute: Annotated[float, Meta(description="Most requests a minute; 0: as the kind says.", ge=0)] = 0.0
    mapping: Annotated[
        str | None,
        Meta(description="A mapping in TOML, in the space's folder; null: the kind's, else worked out."),
    ] = None
    secret_env: Annotated[
        str | None, Meta(description="Environment variable with its password or key, unless one was sealed.")
    ] = None
    allow_private: Annotated[
        bool, Meta(description="Whether web addresses inside your own network may be asked.")
    ] = False
    options: Annotated[dict[str, Any], Meta(description="What the kind needs to know.")] = {}


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    r"""All settings of a space.

    Examples
    --------
    >>> Settings().lake.url
    'lake'
    >>> read_settings_text("[space]\nname = 'acme'").space.name
    'acme'
    """

    space: SpaceSettings = SpaceSettings()
    inbox: InboxSettings = InboxSettings()
    lake: LakeSettings = LakeSettings()
    desk: DeskSettings = DeskSettings()
    engine: EngineSettings = EngineSettings()
    listen: ListenSettings = ListenSettings()
    know: KnowSettings = KnowSettings()
    watch: WatchSettings = WatchSettings()
    guard: GuardSettings = GuardSettings()
    ask: AskSettings = AskSettings()
    oidc: OidcSettings = OidcSettings()
    pull: tuple[PullSettings, ...] = ()

    def __post_init__(self) -> None:
        """Refuse two pulls of one name."""
        names = [one.name for one in self.pull]
        if len(names) != len(set(names)):
            raise ValueError("expected a different `name` in each [[pull]]")


def read_settings(folder: Path) -> Settings:
    """Read ``allears.toml`` of a space's folder.

    Raises
    ------
    NotFound
        There is no such file.
    Refused
        The file is not TOML or a value is out of range; ``place`` names the field.
    """
    path = folder / FILE
    if not path.is_file():
        raise NotFound(f"no {FILE} here; `allears new DIR` makes one", place=str(folder))
    return read_settings_text(path.read_text("utf-8"), place=str(path))


def read_settings_text(text: str, place: str = FILE) -> Settings:
    """Read settings from TOML text."""
    try:
        return msgspec.toml.decode(text, type=Settings)
    except msgspec.ValidationError as error:
        raise Refused(str(error), place=place) from None
    except msgspec.DecodeError as error:
        raise Refused(f"not TOML: {error}", place=place) from None


_MAIN = {"space": ("name", "timezone", "country"), "lake": ("url",), "desk": ("url",), "engine": ("url",)}


def write_settings(folder: Path, settings: Settings) -> None:
    """Write ``allears.toml``, only what differs from the defaults besides the main lines."""
    texts = []
    base = msgspec.to_builtins(Settings())
    for section, values in msgspec.to_builtins(settings).items():
        if not isinstance(values, dict):
            texts += [f"[[{section}]]\n{msgspec.toml.encode(one).decode()}" for one in values]
            continue
        told = {k: v for k, v in values.items() if k in _MAIN.get(section, ()) or v != base[section][k]}
        if told:
            # Encoded with its section, so that a table inside it is named whole.
            texts.append(msgspec.toml.encode({section: told}).decode())
    (folder / FILE).write_text("\n\n".join(text.rstrip() for text in texts) + "\n", "utf-8")


def describe() -> list[dict[str, Any]]:
    """List every setting: section, name, default, help.

    Examples
    --------
    >>> describe()[0]["name"]
    'name'
    """
    rows = []
    for section in msgspec.structs.fields(Settings):
        several = get_args(section.type)
        for field in msgspec.structs.fields(several[0] if several else section.type):
            meta = getattr(field.type, "__metadata__", (Meta(),))[0]
            rows.append(
                {
                    "section": section.name,
                    "name": field.name,
                    "default": _default(field),
                    "help": meta.description or "",
                }
            )
    return rows


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.required:
        return "needed"
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
