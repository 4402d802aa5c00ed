"""Codes for more than signing in, exports, and what operators did."""

import sqlalchemy as sa
from alembic import op

from relay.tables.append_only import forbid_changes

revision = "8c41d7b06fa2"
down_revision = "8c41d2f07b5e"
branch_labels = None
depends_on = None

OPEN = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.add_column("sign_in_codes", sa.Column("purpose", sa.String(), nullable=False, server_default="sign-in"))
    op.drop_index("one_open_code", "sign_in_codes")
    op.create_index("one_open_code", "sign_in_codes", ["email", "purpose"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN)
    # Nobody could choose a zone or a locale yet: what stands there is the former default.
    op.execute("UPDATE accounts SET time_zone = '', locale = ''")
    op.create_table(
        "exports",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("rows_total", sa.BigInteger(), nullable=False),
        sa.Column("rows_done", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_exports_account_id"), "exports", ["account_id"], unique=False)
    op.create_table(
        "operator_actions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("operator", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_operator_actions_account_id"), "operator_actions", ["account_id"], unique=False)
    forbid_changes(op, "operator_actions", "what operators did is never changed or deleted")
    op.create_table(
        "inspections",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("operator", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("touched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("differences", sa.Integer(), nullable=False),
        sa.Column("found", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_inspections_kind"), "inspections", ["kind"], unique=False)
    op.create_index("usage_hours_by_hour", "usage_hours", ["hour"], unique=False)


def downgrade() -> None:
    raise RuntimeError("Restore a backup instead: a record of what was done is never dropped by a command.")
