"""The assistant panel, in the pages of others."""
