"""usage in time: the log by moment, what was cut short, and credit that came or went otherwise than by use"""

import sqlalchemy as sa
from alembic import op

revision = "8c1f5b3e7d20"
down_revision = "8c41d7b06fa2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    cut_short, not_by_use = sa.text("ended <> 'complete'"), sa.text("kind NOT IN ('burn', 'overage')")
    # Rows go on being written meanwhile, which an index that is built in one go would stop.
    with op.get_context().autocommit_block():
        op.create_index("usage_in_time", "usage", ["account_id", "at", "id"], if_not_exists=True,
                        postgresql_concurrently=True)
        op.create_index("usage_cut_short", "usage", ["account_id", "ended", "at", "id"], if_not_exists=True,
                        sqlite_where=cut_short, postgresql_where=cut_short, postgresql_concurrently=True)
        op.create_index("entries_not_by_use", "entries", ["account_id", "at"], if_not_exists=True,
                        sqlite_where=not_by_use, postgresql_where=not_by_use, postgresql_concurrently=True)
        op.drop_index("usage_of_account", "usage", if_exists=True, postgresql_concurrently=True)


def downgrade() -> None:
    raise RuntimeError("Restore a backup instead: money is never dropped by a command.")
