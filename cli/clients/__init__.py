"""`labelloop clients`: which programs may ask the API, and what they begin with."""
