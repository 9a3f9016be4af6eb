"""What Forgetless costs, and against whom: `python -m benches`."""
