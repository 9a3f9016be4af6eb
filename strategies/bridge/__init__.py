"""From our networks, tasks and budgets to the objects of Avalanche. All here imports it, which takes seconds."""
