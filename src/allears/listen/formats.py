"""All formats by name: what the doors check and the digest reads."""

from __future__ import annotations

from allears.listen.answers import Answers
from allears.listen.arrivals import Arrivals
from allears.listen.calls import Calls
from allears.listen.changed import Changed
from allears.listen.halves import Mending
from allears.listen.hook import Hook
from allears.listen.mail import Mail
from allears.listen.otlp import Otlp
from allears.listen.reading import Format
from allears.listen.rows import Rows
from allears.listen.segment import Segment
from allears.listen.signals import Signals

FORMATS: dict[str, Format] = {
    "segment": Mending(Segment()),
    "signals": Mending(Signals()),
    "rows": Mending(Rows()),
    "answers": Mending(Answers()),
    "mail": Mail(),
    "call": Mending(Calls()),
    "hook": Hook(),
    "otlp-traces": Mending(Otlp("traces")),
    "otlp-logs": Mending(Otlp("logs")),
    "otlp-metrics": Mending(Otlp("metrics")),
    "arrivals": Arrivals(),
    "changes": Changed(),
}
