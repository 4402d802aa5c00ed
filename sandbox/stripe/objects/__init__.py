"""One file an object of Stripe's: its routes, its rules, its shape."""
