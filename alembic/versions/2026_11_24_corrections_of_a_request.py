"""corrections of a request: found by the request that they amend"""

import sqlalchemy as sa
from alembic import op


revision = '5d0c7e21b9a4'
down_revision = '5f0c1d7a9e24'
branch_labels = None
depends_on = None


def upgrade() -> None:
    amends = sa.text("amends IS NOT NULL")
    # Usage rows go on being written meanwhile, which an index that is built in one go would stop.
    with op.get_context().autocommit_block():
        op.create_index(
            "usage_amends", "usage", ["amends"], unique=False, if_not_exists=True,
            sqlite_where=amends, postgresql_where=amends, postgresql_concurrently=True,
        )


def downgrade() -> None:
    raise RuntimeError("Restore a backup instead: money is never dropped by a command.")
