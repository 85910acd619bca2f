"""How it stands and whether it worked: experience, reliability, trust, and verdicts against a counterfactual."""

from allears.measure.burn import burning
from allears.measure.experience import experience
from allears.measure.hit import hit
from allears.measure.reliability import reliability
from allears.measure.trust import trust
from allears.measure.verdict import verdict

__all__ = ["burning", "experience", "hit", "reliability", "trust", "verdict"]
