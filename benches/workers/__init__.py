"""Who does the work that is timed: Forgetless, a plain PyTorch loop, and other frameworks."""
