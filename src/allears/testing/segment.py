"""What people did, as batches of Segment calls."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np

from allears.testing.behaviour import KINDS, STORE, Calls
from allears.testing.contacts import CARRIERS
from allears.testing.draw import Bools, Ints, scatter
from allears.testing.people import PLATFORMS, People
from allears.testing.phrases import METHODS, PRODUCTS
from allears.testing.places import read_places
from allears.testing.plot import Plot
from allears.testing.release import Releases

SOURCES = ("web-shop", "mobile-app", "store-tills")
_SYSTEMS = ("Windows", "iOS", "Android")
_REASONS = ("insufficient_funds", "do_not_honor", "issuer_unavailable", "timeout")


@dataclass
class Journal:
    """All calls with what their payloads need."""

    people: People
    plots: list[Plot]
    releases: Releases
    calls: Calls
    signed: Bools
    seed: int

    def source(self) -> Ints:
        """Place in `SOURCES` of each call."""
        online = self.calls.device != STORE
        app = self.people.device_platform[self.calls.device] > 0
        return np.where(online, app.astype(np.int64), 2)

    @cached_property
    def versions(self) -> list[str]:
        """Name what each call's device runs at that moment."""
        calls = self.calls
        platform = np.where(calls.device == STORE, 0, self.people.device_platform[calls.device])
        return self.releases.version(platform, np.maximum(calls.device, 0), calls.at)

    def ids(self, places: Ints) -> list[str]:
        """Message ids of some calls."""
        high, low = scatter(places, self.seed * 7 + 5), scatter(places, self.seed * 7 + 6)
        return [
            f"ajs-{a:016x}{b:08x}"
            for a, b in zip(high.tolist(), (low >> np.uint64(32)).tolist(), strict=True)
        ]

    def write(self, places: Ints, sent_at: str) -> bytes:
        """Write some calls of one source as a batch."""
        calls = self.calls.take(places)
        stamps = np.datetime_as_string(calls.at.astype("datetime64[ms]"), unit="ms", timezone="UTC").tolist()
        platform = np.where(calls.device == STORE, 0, self.people.device_platform[calls.device])
        versions = [self.versions[place] for place in places.tolist()]
        columns = (
            calls.kind,
            calls.person,
            calls.device,
            calls.cause,
            calls.value,
            platform,
            self.signed[places],
        )
        rows = zip(self.ids(places), stamps, versions, *(column.tolist() for column in columns), strict=True)
        return f'{{"batch":[{",".join([self._call(*row) for row in rows])}],"sentAt":"{sent_at}"}}'.encode()

    def _call(
        self, own: str, stamp: str, version: str, kind: int, person: int, device: int, cause: int, value: int,
        platform: int, signed: bool,
    ) -> str:  # fmt: skip
        people = self.people
        who = f'"userId":"{people.user_id[person]}",' if signed else ""
        if device != STORE:
            who += f'"anonymousId":"{people.device_anonymous[device]}",'
        region = read_places().regions[int(people.region[person])].name
        told = self._told(kind, person, cause, value, own, region, platform, device)
        return f'{{"messageId":"{own}","timestamp":"{stamp}",{who}{told},"context":{self._context(platform, device, version, cause, kind)}}}'

    def _context(self, platform: int, device: int, version: str, cause: int, kind: int) -> str:
        if device == STORE:
            return '{"library":{"name":"till","version":"4.1"}}'
        if platform:
            device_id = self.people.device_id[device]
            return (
                f'{{"app":{{"name":"Larkfield","version":"{version}"}},"os":{{"name":"{_SYSTEMS[platform]}"}},'
                f'"device":{{"id":"{device_id}","type":"{PLATFORMS[platform]}"}}}}'
            )
        campaign = ""
        if kind == 0 and cause >= 0 and self.plots[cause].name == "marketing-campaign":
            campaign = f',"campaign":{{"name":"{self.plots[cause].facts["hashtag"]}","source":"newsletter"}}'
        return f'{{"app":{{"name":"shop","version":"{version}"}},"os":{{"name":"Windows"}},"library":{{"name":"analytics.js"}}{campaign}}}'

    def _told(
        self,
        kind: int,
        person: int,
        cause: int,
        value: int,
        own: str,
        region: str,
        platform: int,
        device: int,
    ) -> str:
        name = KINDS[kind]
        here = f'"region":"{region}"'
        if name == "page":
            word, title = ("screen", "Home") if platform else ("page", "Home")
            return f'"type":"{word}","name":"{title}","properties":{{{here}}}'
        if name == "identify":
            return f'"type":"identify","traits":{self.traits(person)}'
        if name == "group":
            return f'"type":"group","groupId":"firm-{person % 997:03d}","traits":{{"industry":"trade"}}'
        if name == "alias":
            return f'"type":"alias","previousId":"{self.people.device_anonymous[device]}"'
        return f'"type":"track","event":"{name}","properties":{{{here}{self._properties(name, person, cause, value, own)}}}'

    def _properties(self, name: str, person: int, cause: int, value: int, own: str) -> str:
        plot = self.plots[cause] if cause >= 0 else None
        number = int(own[4:12], 16)
        order = f'"order_id":"LF{number % 900000 + 100000}"'
        match name:
            case "Product Viewed" | "Product Added":
                return f',"product":"{PRODUCTS[value % len(PRODUCTS)]}"'
            case "Checkout Started":
                return f',"value":{value / 100},"currency":"GBP"'
            case "Order Completed":
                product, paid = PRODUCTS[number % len(PRODUCTS)], value / 100
                if plot is not None and "wrong" in plot.facts:
                    product, paid = plot.facts["product"], float(plot.facts["wrong"])
                return f',{order},"revenue":{paid},"currency":"GBP","product":"{product}","ok":true'
            case "Checkout Failed":
                method, reason = METHODS[number % len(METHODS)], _REASONS[number % 4]
                if plot is not None:
                    method, reason = (
                        plot.facts.get("method", method) if number % 4 else method,
                        ("timeout", "gateway_error")[number % 2],
                    )
                return f',"ok":false,"method":"{method}","reason":"{reason}","value":{value / 100}'
            case "App Crashed":
                return f',"ok":false,"exception":"{("NullPointer", "OutOfMemory", "IndexOutOfRange")[0 if plot else number % 3]}"'
            case "Order Delivered" | "Delivery Delayed":
                partner = (
                    plot.facts["carrier"]
                    if plot is not None and "carrier" in plot.facts
                    else CARRIERS[number % 2]
                )
                return (
                    f',{order},"carrier":"{partner}","ok":{"true" if name == "Order Delivered" else "false"}'
                )
            case "Chat Abandoned":
                return f',"wait_seconds":{value},"service":"support-chat","ok":false'
        return f",{order}" if name.startswith("Order") else ""

    def traits(self, person: int) -> str:
        """Write what signing in tells about a person, as JSON."""
        people = self.people
        told: dict[str, str] = {"email": people.email[person], "name": people.name(person)}
        if people.phone[person] and person % 3:
            told["phone"] = people.phone[person]
        if people.handle[person] and people.handle_told[person]:
            told["twitter"] = people.handle[person]
        return msgspec.json.encode(told).decode()
