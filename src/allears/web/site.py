"""Whether one of our own pages asks, as far as the browser says: what a page of another site sends does nothing."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.types import Scope

from allears.settings import AskSettings, Settings

PORTS = {"http": 80, "https": 443}


def public_origins(settings: Settings) -> frozenset[str]:
    """List the origins under which browsers know this server, where a proxy says another host to it.

    Examples
    --------
    >>> from allears.settings import GuardSettings
    >>> names = GuardSettings(allowed_hosts=("ears.example", "*.corp.example"))
    >>> sorted(public_origins(Settings(guard=names, ask=AskSettings(url="https://survey.example:8443/ask"))))
    ['http://ears.example:80', 'https://ears.example:443', 'https://survey.example:8443']
    """
    # The address that stands there when nobody set one is that of every visitor's own machine.
    told = [url for url in (settings.ask.url, settings.oidc.url) if url != AskSettings().url]
    # A name for all below (`*.corp.example`) says who is answered, not that all of them are one site.
    named = [name for name in settings.guard.allowed_hosts if not name.startswith("*")]
    told += [f"{scheme}://{name}" for name in named for scheme in PORTS]
    return frozenset(origin for url in told if (origin := _origin(url)))


def of_this_site(scope: Scope, public: Collection[str] = ()) -> bool:
    """Tell whether a browser says that one of our own pages asks; programs that say nothing are let through.

    Examples
    --------
    >>> ours = [(b"host", b"ears.example"), (b"origin", b"https://ears.example")]
    >>> of_this_site({"headers": ours}), of_this_site({"headers": [*ours[:1], (b"origin", b"https://evil.example")]})
    (True, False)
    """
    told = dict(scope["headers"])
    # A proxy may change the host, but nobody between changes what the browser says of the two sites.
    if b"sec-fetch-site" in told:
        return told[b"sec-fetch-site"] in (b"same-origin", b"none")
    if b"origin" not in told:
        return True
    # "null" is no origin of ours: a page in a sandbox, or one that hides where it comes from.
    origin = _origin(told[b"origin"].decode("latin-1"))
    scheme = origin.partition(":")[0]
    if not origin or (scheme == "http" and scope.get("scheme") in ("https", "wss")):
        return False
    # A proxy that speaks TLS may not say so: the scheme is the browser's.
    return origin == _origin(f"{scheme}://{told.get(b'host', b'').decode('latin-1')}") or origin in public


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname and port else ""
