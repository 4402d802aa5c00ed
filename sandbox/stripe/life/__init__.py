"""What happens to those who buy: subscriptions and their periods, invoices, payments, meters."""
