"""How to learn a sequence of tasks: one strategy a file, named as on the command line."""
