"""Write the next desk migration from what the models say. Run: ``uv run scripts/migration.py "what changed"``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command

from allears.desk import Desk
from allears.desk.upgrade import FOLDER, config, load_models


def main() -> None:
    load_models()
    made = sorted((FOLDER / "versions").glob("[0-9]*.py"))
    number = f"{len(made) + 1:04d}"
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk("sqlite:///desk.db", Path(folder))
        with desk.engine.begin() as connection:
            if made:
                command.upgrade(config(connection), "head")
        with desk.engine.begin() as connection:
            settings = config(connection)
            settings.set_main_option("file_template", "%%(rev)s_%%(slug)s")
            command.revision(settings, message=sys.argv[1], autogenerate=True, rev_id=number)


if __name__ == "__main__":
    main()
