"""`labelloop adopt`: a new stack takes over what one before it has left."""
