"""Drawing only: no data, no decisions. Of State they know how the reader wants times written, and nothing else."""
