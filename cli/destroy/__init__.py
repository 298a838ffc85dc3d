"""`labelloop destroy`: what there is of a stack, what it costs, and its end."""
