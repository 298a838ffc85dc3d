"""`labelloop query`: questions in SQL to the archive of the inference log."""
