"""Bearer tokens that an API key made, and until when the others may be renewed."""

import sqlalchemy as sa
from alembic import op

revision = "2b7c90e4d5a1"
down_revision = "8c1f5b3e7d20"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bearer_tokens", sa.Column("key_id", sa.String(), nullable=False, server_default=""))
    op.add_column("bearer_tokens", sa.Column("renewable_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("bearer_tokens", "renewable_until")
    op.drop_column("bearer_tokens", "key_id")
