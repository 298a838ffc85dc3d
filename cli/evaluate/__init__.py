"""`labelloop evaluate`: versions asked about labelled pictures, and how they did."""
