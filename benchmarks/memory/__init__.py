"""Peak memory, and passes that count rows instead of keeping them."""
