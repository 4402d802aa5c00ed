"""Alembic's entry: the address comes from `relay.database.migrations`, the tables from `relay.tables`."""

from sqlalchemy import create_engine, text
from sqlmodel import SQLModel

import relay.tables
from alembic import context

assert relay.tables
engine = create_engine(context.config.attributes["url"])
with engine.connect() as connection:
    if connection.dialect.name == "postgresql":
        # A migration that cannot have its lock soon gives up instead of stopping the product behind it.
        connection.execute(text("SET lock_timeout = '5s'"))
        connection.commit()
    context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=False)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
