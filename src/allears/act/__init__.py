"""What to do: issues, cases with clocks, playbooks explained and rehearsed before they run, deliveries that arrive.

The rooms behind this door: `issue`, `route`, `clocks`, `case`, `playbook`, `happening`, `rehearse`, `run`, `deliver`, `verdict`.
"""

from allears.act.case import open_cases
from allears.act.deliver import Outbox
from allears.act.issue import record
from allears.act.playbook import read_playbook
from allears.act.rehearse import rehearse
from allears.act.run import run

__all__ = ["Outbox", "open_cases", "read_playbook", "record", "rehearse", "run"]
