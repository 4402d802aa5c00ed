"""Alerts: what became of each, up to when changes were looked at, and stops of mail that were lifted."""

import sqlalchemy as sa
from alembic import op

revision = "8c41d2f07b5e"
down_revision = "5d0c7e21b9a4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alerts", sa.Column("outcome", sa.String(), nullable=False, server_default=""))
    op.add_column("mail_stops", sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "looks",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def downgrade() -> None:
    raise RuntimeError("Restore a backup instead: money is never dropped by a command.")
