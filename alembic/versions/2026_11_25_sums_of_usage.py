"""sums of usage: what pages read, filled by the clock from the usage rows that are there"""

import sqlalchemy as sa
from alembic import op

revision = "3b7e90c4d1a6"
down_revision = "5e0d9a41c7b3"
branch_labels = None
depends_on = None

COUNTS = ("requests", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cost_pico",
          "price_pico", "input_pico", "output_pico", "cache_read_pico", "cache_write_pico")


def upgrade() -> None:
    op.add_column("balances", sa.Column("rolled_until", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "usage_sums",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("split", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTS),
        sa.PrimaryKeyConstraint("account_id", "split", "unit", "since", "name"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise RuntimeError("Restore a backup instead: money is never dropped by a command.")
