"""What pages show, read in one go from the relay and put into words. Nothing here writes."""
