"""Drivers of other frameworks, each run as a script in a process of its own, with the framework's own requirements.

A driver is given the path of a checkout and, as JSON, what to do (`benches.tables.peers`). It calls the framework's own
entry point, times its training function, and prints `{"seconds": …, "steps": …}` as its last line. None of our
packages are imported here.
"""
