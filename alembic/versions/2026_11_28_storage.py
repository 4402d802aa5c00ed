"""storage: files that people keep, and how far they are booked"""

import sqlalchemy as sa
from alembic import op

revision = "5d0c8f13ab96"
down_revision = "8d25f1b70e94"
branch_labels = None
depends_on = None

LIVE = sa.text("since IS NOT NULL AND until IS NULL")
LEAVING = sa.text("purge_at IS NOT NULL AND gone_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "assets",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("purge_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("assets_live", "assets", ["account_id", "name"], unique=True, sqlite_where=LIVE,
                    postgresql_where=LIVE)
    op.create_index("assets_in_time", "assets", ["account_id", "until"])
    op.create_index("assets_leaving", "assets", ["purge_at"], sqlite_where=LEAVING, postgresql_where=LEAVING)
    op.create_table(
        "storage_meters",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("booked_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owed_byte_seconds", sa.BigInteger(), nullable=False),
        sa.Column("price_carry", sa.BigInteger(), nullable=False),
        sa.Column("cost_carry", sa.BigInteger(), nullable=False),
        sa.Column("unpaid_since", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("account_id"),
    )


def downgrade() -> None:
    op.drop_table("storage_meters")
    op.drop_table("assets")
