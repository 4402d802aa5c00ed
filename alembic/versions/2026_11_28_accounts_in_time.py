"""accounts in time: operators see the newest first, however many there are"""

from alembic import op

revision = "c4a81e6f02d7"
down_revision = "3b7e90c4d1a6"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Accounts go on being made meanwhile, which an index that is built in one go would stop.
    with op.get_context().autocommit_block():
        op.create_index("accounts_in_time", "accounts", ["created_at", "id"], if_not_exists=True,
                        postgresql_concurrently=True)


def downgrade() -> None:
    op.drop_index("accounts_in_time", "accounts")
