"""Sources of labelled examples, one file each."""
