"""People: how they sign in, their keys and tokens, their mail, their limits, and how they leave."""
