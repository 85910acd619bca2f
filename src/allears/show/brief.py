"""The brief."""
from typing import Any
def write_brief(told: dict[str, Any]) -> str:
    return ""
