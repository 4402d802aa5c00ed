"""The database: its engines, the group-committing writer, and the revisions that its tables are at."""

from sqlalchemy import Connection

from relay.database.group_commit import Batch, Database, is_alive

__all__ = ["Batch", "Connection", "Database", "is_alive"]
