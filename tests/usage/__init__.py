"""What usage costs, and what is told of it: prices, receipts, sums and charts."""
