"""``python -m allears``."""

from allears.cli import main

if __name__ == "__main__":
    main()
