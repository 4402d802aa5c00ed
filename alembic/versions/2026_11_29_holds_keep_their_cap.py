"""holds keep the spend cap that they were taken under"""

import sqlalchemy as sa
from alembic import op

revision = "9b46e0d2c71f"
down_revision = "5d0c8f13ab96"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Those that are open, and those of workers that do not know of it yet, settle under the cap of then.
    op.add_column("holds", sa.Column("spend_cap_pico", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("holds", "spend_cap_pico")
