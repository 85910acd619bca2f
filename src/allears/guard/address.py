"""Where a webhook may go: only to addresses of the public internet, unless its destination was created otherwise."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from allears.errors import NotAllowed, Refused, WorldFailed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def check_url(url: str, *, allow_private: bool) -> None:
    """Refuse an address that could never be delivered to safely.

    Raises
    ------
    Refused
        It is not an https address (http is for private networks only), or it carries a user and password.

    Examples
    --------
    >>> check_url("https://example.com/hook", allow_private=False)
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise Refused("not an address", place="url") from None
    if parts.scheme not in (("https", "http") if allow_private else ("https",)) or not host:
        raise Refused("expected https://host/path (http:// only for private destinations)", place="url")
    if parts.username is not None or parts.password is not None:
        raise Refused("an address must not hold a user or password", place="url")


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, also when wrapped in an IPv6 transition address.

    Examples
    --------
    >>> [is_public(a) for a in ("127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "1.1.1.1")]
    [False, False, False, False, True]
    """
    ip = _unwrap(ipaddress.ip_address(address.split("%")[0]))
    return ip.is_global and not ip.is_multicast


def resolve(host: str, port: int, *, allow_private: bool) -> str:
    """Find the IP address to connect to; the caller connects to exactly this one, so the name cannot change between.

    Raises
    ------
    NotAllowed
        One of the name's addresses is private, loopback, link-local or otherwise not public.
    WorldFailed
        The name has no address.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise WorldFailed("the destination's name has no address", place="url", again=True) from None
    addresses = [str(entry[4][0]) for entry in found]
    if not allow_private and not all(is_public(a) for a in addresses):
        raise NotAllowed("the destination lies in a private network", place="url")
    return addresses[0]


def _unwrap(ip: Address) -> Address:
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else ip)
