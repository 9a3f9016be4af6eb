"""One's own data as a source, a file a format."""
