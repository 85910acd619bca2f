"""The names under which senders give release, platform, region, partner, service, ok and duration."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from allears.listen.ratings import as_number

RELEASE = (
    "release",
    "app_version",
    "appVersion",
    "service.version",
    "app.version",
    "app_version_name",
    "appVersionName",
)
PLATFORM = ("platform", "os.name", "os_name", "os")
REGION = ("region", "location.region", "region_name", "geo.region")
PARTNER = ("partner", "carrier", "partner_name", "carrier_name")
SERVICE = ("service", "service.name", "service_name")
OK = ("ok", "success", "succeeded")
STATUS = ("http.response.status_code", "http.status_code", "status_code")
DURATION = ("duration_ms", "durationMs", "latency_ms", "latencyMs", "response_time_ms")

_SAME = {
    "iphone os": "ios",
    "ipados": "ios",
    "iphone": "ios",
    "ipad": "ios",
    "browser": "web",
    "webjs": "web",
    "js": "web",
}
_TRUE = {"true", "yes", "1", "ok", "success", "y", "t"}
_FALSE = {"false", "no", "0", "error", "failed", "failure", "n", "f"}


class Facets(NamedTuple):
    """What the facet columns hold."""

    service: str | None = None
    ok: bool | None = None
    duration_ms: float | None = None
    release: str | None = None
    platform: str | None = None
    region: str | None = None
    partner: str | None = None


def take_facets(values: dict[str, Any]) -> Facets:
    """Take the facets out of a flat object; what was taken is removed from it.

    Examples
    --------
    >>> rest = {"carrier": "Postwing", "ok": False, "sku": "A1"}
    >>> take_facets(rest).partner, rest
    ('Postwing', {'sku': 'A1'})
    """
    if not values:
        return _NONE
    return Facets(
        _text(values, SERVICE),
        _worked(values),
        _number(values, DURATION),
        _text(values, RELEASE),
        platform_name(_text(values, PLATFORM)),
        _text(values, REGION),
        _firm(values),
    )


_NONE = Facets()


def platform_name(value: str | None) -> str | None:
    """Name a platform the one way.

    Examples
    --------
    >>> platform_name("iPhone OS"), platform_name("Android")
    ('ios', 'android')
    """
    if value is None:
        return None
    lower = value.lower()
    return _SAME.get(lower, lower)


def truth(value: object) -> bool | None:
    """Read yes or no.

    Examples
    --------
    >>> truth("False"), truth(1), truth("maybe")
    (False, True, None)
    """
    if isinstance(value, bool):
        return value
    return _spoken(value if isinstance(value, str) else str(value))


@lru_cache(maxsize=4096)
def _spoken(text: str) -> bool | None:
    word = text.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def _text(values: dict[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        if name in values:
            value = values[name]
            if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
                del values[name]
                return str(value)
    return None


def _firm(values: dict[str, Any]) -> str | None:
    firm = _text(values, PARTNER)
    if firm is not None and truth(firm) is not None:
        # "partner: yes" tells of a marriage, not of a firm.
        values["partner"] = firm
        return None
    return firm


def _number(values: dict[str, Any], names: tuple[str, ...]) -> float | None:
    for name in names:
        if name in values and (number := as_number(values[name])) is not None:
            del values[name]
            return number
    return None


def _worked(values: dict[str, Any]) -> bool | None:
    for name in OK:
        if name in values and (said := truth(values[name])) is not None:
            del values[name]
            return said
    # The status code says more than yes or no: it stays.
    for name in STATUS:
        if name in values and (code := as_number(values[name])) is not None:
            return code < 500
    return None
