"""Files that people keep, and what keeping them costs."""
