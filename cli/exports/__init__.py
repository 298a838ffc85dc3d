"""`labelloop export`: what goes out, and who said so."""
