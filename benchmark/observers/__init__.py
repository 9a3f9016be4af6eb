"""Who is told what happens in a run: the progress bar, wandb."""
