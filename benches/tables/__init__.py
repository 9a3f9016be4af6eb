"""What is measured: one file a table, or a few that belong together."""
