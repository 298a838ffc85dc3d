"""`labelloop detect`: images found, uploaded and waited for, and what was found in them."""
