"""Running strategies on scenarios, and measuring what comes of it."""
