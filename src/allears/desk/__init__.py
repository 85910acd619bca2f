"""The operational store: models, migrations; SQLite or PostgreSQL."""

from allears.desk.base import Base, Desk, Moment
from allears.desk.upgrade import upgrade

__all__ = ["Base", "Desk", "Moment", "upgrade"]
