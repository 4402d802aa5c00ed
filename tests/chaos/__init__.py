"""Everything at once: load, clients that leave, an upstream that misbehaves, and whatever can die dying.

`make chaos` runs it for minutes, `tests/faults/test_chaos.py` for seconds; afterwards `verdict` compares two sets of
books.
"""
