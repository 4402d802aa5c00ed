"""What fails around the product: processes, disks, PostgreSQL, Redis, and the end of a server itself."""
