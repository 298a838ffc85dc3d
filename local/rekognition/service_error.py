"""The one exception that leaves the emulator.

Raised by ``service`` and ``shapes``; the HTTP layer turns it into an error answer.
"""


class ServiceError(Exception):
    """An error answer of Amazon Rekognition, as a client sees it."""

    def __init__(self, code: str, message: str, http_status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.http_status = http_status
