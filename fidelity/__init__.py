"""Does a strategy here do what its paper's, or a peer's, does? Figures of others, and ours under their protocols."""
