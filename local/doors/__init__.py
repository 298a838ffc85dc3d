"""What speaks HTTP: the one door to every service, how AWS's protocols are read, and the log."""
