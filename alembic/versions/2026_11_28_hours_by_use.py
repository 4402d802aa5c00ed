"""hours by use: those of one model by one key are found without reading those of the others"""

from alembic import op

revision = "8d25f1b70e94"
down_revision = "c4a81e6f02d7"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Settling goes on meanwhile, which an index that is built in one go would stop.
    with op.get_context().autocommit_block():
        op.create_index("usage_hours_by_use", "usage_hours", ["account_id", "model", "key_id", "hour"],
                        if_not_exists=True, postgresql_concurrently=True)


def downgrade() -> None:
    op.drop_index("usage_hours_by_use", "usage_hours")
