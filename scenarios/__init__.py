"""Where tasks come from: sources of examples, and the families that make task sequences of them."""
