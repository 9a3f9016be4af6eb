"""What is measured of a network besides its accuracy, one property a file."""
