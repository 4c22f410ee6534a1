"""How Alembic runs the revisions: on the connection it is given, inside the transaction it is given.

Imports no application code. `ckpt_indexer.store.migrate` opens the database, takes the write lock, runs this, commits.
"""

from __future__ import annotations

from alembic import context
from alembic.util.exc import CommandError

connection = context.config.attributes.get("connection")
if connection is None:
    raise CommandError("run `ckpt-indexer db upgrade`: revisions need the connection that it opens and locks")

context.configure(
    connection=connection,
    target_metadata=context.config.attributes.get("target_metadata"),
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
