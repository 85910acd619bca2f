"""Guard: what may be kept, seen and sent. Redaction, sealed originals, erasure, roles, audit."""

from allears.guard.access import Principal
from allears.guard.audit import Audit
from allears.guard.erase import erase
from allears.guard.redaction.redact import redact, redact_json
from allears.guard.vault import Vault

__all__ = ["Audit", "Principal", "Vault", "erase", "redact", "redact_json"]
