"""What every request passes: its form, its types, the operation that answers it, and the shape of the answer."""
