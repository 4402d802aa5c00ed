"""Settling: from what was learnt of a call to its usage row, whoever dies and whatever is away meanwhile.

What the database cannot take waits on this machine's disk: settlements (`unbooked`), and what is known of open calls
(`open_calls`), both in the files of `keeping`.
"""

from relay.settling.settlements import settlement, settlements_of_the_dead, sweep

__all__ = ["settlement", "settlements_of_the_dead", "sweep"]
