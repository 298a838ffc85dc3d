"""`labelloop import`: one module a kind of source, and what comes with each."""
