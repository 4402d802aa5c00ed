"""A call from its admission to its end, whatever ends it, as its client and as upstream sees it."""
