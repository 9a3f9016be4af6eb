"""Storing records of runs made by anyone, and comparing them with honest statistics. No torch here."""
