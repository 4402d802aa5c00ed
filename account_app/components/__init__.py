"""Drawing only: no State, no data, no decisions."""
