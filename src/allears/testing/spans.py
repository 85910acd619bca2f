"""What systems met, as OTLP in JSON: one export request holds the spans of an hour."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from allears.testing.contacts import CARRIERS
from allears.testing.draw import Ints, scatter
from allears.testing.people import PLATFORMS, People
from allears.testing.places import read_places
from allears.testing.release import Releases
from allears.testing.telemetry import OPERATIONS, SCAN, Spans

_SYSTEMS = {"web": "Linux", "ios": "iOS", "android": "Android"}


@dataclass
class Traces:
    """All spans with what their payloads need."""

    people: People
    releases: Releases
    spans: Spans
    seed: int

    @cached_property
    def versions(self) -> list[str]:
        """Name what each span's device runs at that moment; only the app and the shop tell."""
        spans = self.spans
        device = np.maximum(spans.device, 0)
        platform = np.where(spans.operation == 1, self.people.device_platform[device], 0)
        return self.releases.version(platform, device, spans.at)

    def ids(self, places: Ints) -> list[str]:
        """Trace id and span id of some spans, joined."""
        high, low = scatter(places, self.seed * 7 + 7), scatter(places, self.seed * 7 + 8)
        return [
            f"{a | 1:016x}{b:016x}{a ^ b | 1:016x}" for a, b in zip(high.tolist(), low.tolist(), strict=True)
        ]

    def write(self, places: Ints) -> bytes:
        """Write some spans as one export request, grouped by the system that sent them."""
        spans, people = self.spans, self.people
        device = np.maximum(spans.device[places], 0)
        operation = spans.operation[places]
        platform = np.where(operation == 1, people.device_platform[device], 0)
        versions = [self.versions[place] for place in places.tolist()]
        groups: dict[tuple[int, int, str], list[str]] = {}
        for place, own, o, p, version in zip(
            places.tolist(), self.ids(places), operation.tolist(), platform.tolist(), versions, strict=True
        ):
            release = version if o < 2 else "5.2.0"
            groups.setdefault((o, p, release), []).append(self._span(place, own))
        resources = [self._resource(*key, held) for key, held in groups.items()]
        return f'{{"resourceSpans":[{",".join(resources)}]}}'.encode()

    def _resource(self, operation: int, platform: int, version: str, spans: list[str]) -> str:
        told = [_pair("service.name", OPERATIONS[operation][0]), _pair("service.version", version)]
        if operation == 1:
            told.append(_pair("os.name", _SYSTEMS[PLATFORMS[platform]]))
        return (
            f'{{"resource":{{"attributes":[{",".join(told)}]}},'
            f'"scopeSpans":[{{"scope":{{"name":"larkfield"}},"spans":[{",".join(spans)}]}}]}}'
        )

    def _span(self, place: int, own: str) -> str:
        spans, people = self.spans, self.people
        person, device, operation = (
            int(spans.person[place]),
            int(spans.device[place]),
            int(spans.operation[place]),
        )
        begin = int(spans.at[place]) * 1_000_000
        end = begin + int(spans.milliseconds[place] * 1_000_000)
        told = [
            _pair("http.route", OPERATIONS[operation][2]),
            _pair("region", read_places().regions[int(people.region[person])].name),
        ]
        if spans.signed[place]:
            told.append(_pair("user.id", people.user_id[person]))
        if device >= 0 and operation != SCAN:
            told.append(_pair("enduser.pseudo.id", people.device_anonymous[device]))
        if spans.partner[place] >= 0:
            told.append(_pair("partner", CARRIERS[int(spans.partner[place])]))
        ok = bool(spans.ok[place])
        status = '{"code":1}' if ok else '{"code":2,"message":"failed"}'
        return (
            f'{{"traceId":"{own[:32]}","spanId":"{own[32:]}","name":"{OPERATIONS[operation][1]}","kind":2,'
            f'"startTimeUnixNano":"{begin}","endTimeUnixNano":"{end}","attributes":[{",".join(told)}],"status":{status}}}'
        )


def _pair(key: str, value: str) -> str:
    return f'{{"key":"{key}","value":{{"stringValue":"{value}"}}}}'
