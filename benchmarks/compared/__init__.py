"""What is compared: arrays of rows, what the package does with them, and what others do with them."""
