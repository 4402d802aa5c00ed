"""first tables"""

import sqlalchemy as sa
from alembic import op

from relay.tables.append_only import forbid_changes


revision = 'bdc2750a15cb'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('accounts',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('email', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('time_zone', sa.String(), nullable=False),
    sa.Column('locale', sa.String(), nullable=False),
    sa.Column('stripe_customer_id', sa.String(), nullable=True),
    sa.Column('blocked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('email'),
    sa.UniqueConstraint('stripe_customer_id')
    )
    op.create_table('entries',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('grant_id', sa.BigInteger(), nullable=True),
    sa.Column('request_id', sa.String(), nullable=True),
    sa.Column('amount_pico', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('entries_of_account', 'entries', ['account_id', 'id'], unique=False)
    op.create_table('leases',
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('holder', sa.String(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name')
    )
    op.create_table('price_versions',
    sa.Column('version', sa.String(), nullable=False),
    sa.Column('published_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('markup_percent', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('version')
    )
    op.create_table('sign_in_codes',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('email', sa.String(), nullable=False),
    sa.Column('code_hmac', sa.String(), nullable=False),
    sa.Column('browser_hash', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_sign_in_codes_browser_hash'), 'sign_in_codes', ['browser_hash'], unique=False)
    op.create_index(op.f('ix_sign_in_codes_email'), 'sign_in_codes', ['email'], unique=False)
    op.create_index('one_open_code', 'sign_in_codes', ['email'], unique=True, sqlite_where=sa.text('ended_at IS NULL'), postgresql_where=sa.text('ended_at IS NULL'))
    op.create_table('usage',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('request_id', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('key_id', sa.String(), nullable=False),
    sa.Column('service', sa.String(), nullable=False),
    sa.Column('model', sa.String(), nullable=False),
    sa.Column('tier', sa.String(), nullable=False),
    sa.Column('input_tokens', sa.BigInteger(), nullable=False),
    sa.Column('output_tokens', sa.BigInteger(), nullable=False),
    sa.Column('cache_read_tokens', sa.BigInteger(), nullable=False),
    sa.Column('cache_write_5m_tokens', sa.BigInteger(), nullable=False),
    sa.Column('cache_write_1h_tokens', sa.BigInteger(), nullable=False),
    sa.Column('web_searches', sa.Integer(), nullable=False),
    sa.Column('storage_byte_seconds', sa.BigInteger(), nullable=False),
    sa.Column('cost_pico', sa.BigInteger(), nullable=False),
    sa.Column('price_pico', sa.BigInteger(), nullable=False),
    sa.Column('price_version', sa.String(), nullable=False),
    sa.Column('held_pico', sa.BigInteger(), nullable=False),
    sa.Column('ended', sa.String(), nullable=False),
    sa.Column('estimated', sa.Boolean(), nullable=False),
    sa.Column('unsplit_cache_writes', sa.Boolean(), nullable=False),
    sa.Column('status', sa.Integer(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('first_token_ms', sa.Integer(), nullable=True),
    sa.Column('stop_reason', sa.String(), nullable=False),
    sa.Column('upstream_request_id', sa.String(), nullable=False),
    sa.Column('amends', sa.String(), nullable=True),
    sa.Column('reason', sa.String(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('request_id', 'kind', name='usage_request')
    )
    op.create_index('usage_of_account', 'usage', ['account_id', 'id'], unique=False)
    op.create_table('usage_hours',
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('hour', sa.DateTime(timezone=True), nullable=False),
    sa.Column('service', sa.String(), nullable=False),
    sa.Column('model', sa.String(), nullable=False),
    sa.Column('key_id', sa.String(), nullable=False),
    sa.Column('requests', sa.BigInteger(), nullable=False),
    sa.Column('input_tokens', sa.BigInteger(), nullable=False),
    sa.Column('output_tokens', sa.BigInteger(), nullable=False),
    sa.Column('cache_read_tokens', sa.BigInteger(), nullable=False),
    sa.Column('cache_write_tokens', sa.BigInteger(), nullable=False),
    sa.Column('cost_pico', sa.BigInteger(), nullable=False),
    sa.Column('price_pico', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('account_id', 'hour', 'service', 'model', 'key_id')
    )
    op.create_table('api_keys',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('name', sa.String(), nullable=False),
    sa.Column('hint', sa.String(), nullable=False),
    sa.Column('key_hash', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('cap_pico', sa.BigInteger(), nullable=True),
    sa.Column('spent_pico', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('key_hash')
    )
    op.create_index(op.f('ix_api_keys_account_id'), 'api_keys', ['account_id'], unique=False)
    op.create_table('balances',
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('credit_pico', sa.BigInteger(), nullable=False),
    sa.Column('held_pico', sa.BigInteger(), nullable=False),
    sa.Column('overage_pico', sa.BigInteger(), nullable=False),
    sa.Column('period_overage_start_pico', sa.BigInteger(), nullable=False),
    sa.Column('spend_cap_pico', sa.BigInteger(), nullable=False),
    sa.Column('has_plan', sa.Boolean(), nullable=False),
    sa.Column('period_start', sa.DateTime(timezone=True), nullable=True),
    sa.Column('period_end', sa.DateTime(timezone=True), nullable=True),
    sa.Column('next_expiry_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], ),
    sa.PrimaryKeyConstraint('account_id')
    )
    op.create_table('bearer_tokens',
    sa.Column('token_hash', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('session_id', sa.String(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], ),
    sa.PrimaryKeyConstraint('token_hash')
    )
    op.create_index(op.f('ix_bearer_tokens_account_id'), 'bearer_tokens', ['account_id'], unique=False)
    op.create_index(op.f('ix_bearer_tokens_session_id'), 'bearer_tokens', ['session_id'], unique=False)
    op.create_table('grants',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('key', sa.String(), nullable=False),
    sa.Column('granted_pico', sa.BigInteger(), nullable=False),
    sa.Column('remaining_pico', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expired_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('key')
    )
    op.create_index('grants_of_account', 'grants', ['account_id', 'id'], unique=False)
    op.create_index('grants_open', 'grants', ['account_id'], unique=False, sqlite_where=sa.text('remaining_pico <> 0'), postgresql_where=sa.text('remaining_pico <> 0'))
    op.create_table('holds',
    sa.Column('request_id', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('key_id', sa.String(), nullable=False),
    sa.Column('model', sa.String(), nullable=False),
    sa.Column('price_version', sa.String(), nullable=False),
    sa.Column('amount_pico', sa.BigInteger(), nullable=False),
    sa.Column('max_tokens', sa.BigInteger(), nullable=False),
    sa.Column('streamed', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('worker', sa.String(), nullable=False),
    sa.Column('journal', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], ),
    sa.PrimaryKeyConstraint('request_id')
    )
    op.create_index(op.f('ix_holds_account_id'), 'holds', ['account_id'], unique=False)
    op.create_index(op.f('ix_holds_expires_at'), 'holds', ['expires_at'], unique=False)
    op.create_table('prices',
    sa.Column('version', sa.String(), nullable=False),
    sa.Column('model', sa.String(), nullable=False),
    sa.Column('kind', sa.String(), nullable=False),
    sa.Column('tier', sa.String(), nullable=False),
    sa.Column('cost_pico', sa.BigInteger(), nullable=False),
    sa.Column('price_pico', sa.BigInteger(), nullable=False),
    sa.Column('source', sa.String(), nullable=False),
    sa.Column('checked', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['version'], ['price_versions.version'], ),
    sa.PrimaryKeyConstraint('version', 'model', 'kind', 'tier')
    )
    op.create_table('sessions',
    sa.Column('id', sa.String(), nullable=False),
    sa.Column('token_hash', sa.String(), nullable=False),
    sa.Column('account_id', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('device', sa.String(), nullable=False),
    sa.Column('place', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['accounts.id'], ),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('token_hash')
    )
    op.create_index(op.f('ix_sessions_account_id'), 'sessions', ['account_id'], unique=False)
    for table, same in (("usage", "request_id = NEW.request_id AND kind = NEW.kind"), ("entries", "")):
        forbid_changes(op, table, f"{table} rows are never changed or deleted; write a correction", same)


def downgrade() -> None:
    raise RuntimeError("Restore a backup instead: money is never dropped by a command.")
