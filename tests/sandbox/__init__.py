"""The outside world on loopback: its Claude, its Stripe, its mail and its editor, through the official clients."""
