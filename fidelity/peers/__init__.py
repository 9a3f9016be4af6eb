"""Other frameworks, measured here: each script runs one by its own API and keeps what it found as JSON."""
