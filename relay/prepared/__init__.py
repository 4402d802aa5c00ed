"""Statements of the hot path: compiled once a database, run by the driver itself; many rows go in as one set.

What SQLAlchemy does around a statement costs several times the statement. And a set is one step: with a step a row, the
writer's thread would give up the interpreter, and wait to get it back, once for every row.
"""

from relay.prepared.among import among
from relay.prepared.running import committing, run_by_driver, together
from relay.prepared.sets import InsertSet, UpdateSet
from relay.prepared.statements import Prepared

__all__ = ["InsertSet", "Prepared", "UpdateSet", "among", "committing", "run_by_driver", "together"]
