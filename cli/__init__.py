"""The `labelloop` command, for operators. It never runs on AWS.

It reads what the stack's own tables and services say, with the operator's own credentials, and
knows the domain's rules; nothing that is deployed knows it.
"""

__version__ = "0.1.0"
"""The release, of everything that is in the repository."""
