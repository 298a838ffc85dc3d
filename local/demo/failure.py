"""The demo's one error: what went wrong, in a line that a person can act on."""


class DemoError(Exception):
    """The demo cannot go on; the message is for whoever runs it."""
