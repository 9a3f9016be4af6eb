"""Networks to learn with, one family a file."""
