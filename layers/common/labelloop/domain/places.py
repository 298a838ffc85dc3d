"""Where a message's reader finds what it is about: which stack, and addresses to open."""

from dataclasses import dataclass
from urllib.parse import quote

_CONSOLE = "https://console.aws.amazon.com"


@dataclass(frozen=True)
class Place:
    """A stack, and the addresses of what it has. Those of AWS's console ask for a sign-in there."""

    stack: str
    region: str
    bucket: str
    review_page: str
    """Empty where people review elsewhere."""

    @property
    def dashboard(self) -> str:
        """The stack's page of figures in CloudWatch."""
        name = f"{self.stack}-{self.region}"
        return f"{_CONSOLE}/cloudwatch/home?region={self.region}#dashboards/dashboard/{name}"

    def file(self, key: str, version_id: str | None = None) -> str:
        """An object of the bucket, in this version."""
        version = f"&versionId={quote(version_id, safe='')}" if version_id else ""
        return f"{self._in_bucket('object')}{quote(key, safe='')}{version}"

    def folder(self, key: str) -> str:
        """A folder of the bucket; its name ends in a slash."""
        return f"{self._in_bucket('buckets')}{quote(key, safe='')}"

    def _in_bucket(self, what: str) -> str:
        return f"{_CONSOLE}/s3/{what}/{self.bucket}?region={self.region}&prefix="

    def execution(self, arn: str) -> str:
        """The steps of an execution of a Standard workflow."""
        return f"{_CONSOLE}/states/home?region={self.region}#/v2/executions/details/{arn}"
