"""What has happened, told to whoever asked for it."""
