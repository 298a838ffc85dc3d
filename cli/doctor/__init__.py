"""`labelloop doctor`: its checks, one module a matter."""
