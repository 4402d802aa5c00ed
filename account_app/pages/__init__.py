"""One file a page: its State, small, and its view."""
