"""Plans, payments and paybacks; what goes to Stripe, what comes from there, and the clock that sees to both."""
