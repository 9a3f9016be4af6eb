"""Between our scenarios and the benchmarks of other libraries, which are imported here and only where used."""
