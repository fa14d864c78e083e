"""What importing the package costs."""
