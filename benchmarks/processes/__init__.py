"""What several processes exchange."""
