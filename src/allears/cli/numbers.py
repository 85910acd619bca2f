"""Numbers that options take: each with its bounds, told by the option's name when they are passed."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter, validators

Most = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=1_000_000))]
"""How many are shown or taken."""
Beside = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=1_000_000))]
"""How many are printed beside the figures; 0 for none."""
Days = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=3650))]
"""A length of time."""
Ahead = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=365))]
"""How many days a forecast looks ahead."""
Lasting = Annotated[float, Parameter(validator=validators.Number(gt=0, lte=36_500))]
"""For how many days something holds."""
Seconds = Annotated[float, Parameter(validator=validators.Number(gt=0, lte=86_400))]
"""How long to wait."""
PerMinute = Annotated[float, Parameter(validator=validators.Number(gte=0, lte=100_000))]
"""How often something is asked."""
Named = Annotated[int, Parameter(validator=validators.Number(gte=0, lt=2**63))]
"""Something by its number; no database holds a larger one."""
Customers = Annotated[int, Parameter(validator=validators.Number(gte=1, lte=1_000_000))]
"""How many are simulated."""
Share = Annotated[float, Parameter(validator=validators.Number(gte=0, lte=1))]
"""A part of a whole, or a chance."""
Port = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65_535))]
"""A port; 0 for any free one."""
