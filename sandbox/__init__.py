"""The outside world on loopback: Claude, Stripe and mail as small HTTP servers.

Nothing here knows the product: it is reached over real sockets, at base URLs from settings.
"""
