"""What the stack says: e-mails and metrics."""

from __future__ import annotations

from datetime import UTC, datetime

from local.launch import wait_for
from tests.stack.bucket import Uploaded
from tests.stack.deployed import Deployed, Record


class Messages(Deployed):
    """E-mails as they were sent, and what CloudWatch has counted."""

    def operator_mails(self, kind: str | None = None) -> list[Record]:
        """The operator's e-mails, of one kind or all."""
        return [
            mail
            for mail in self.local.control("GET", "mail")
            if mail["topic"] == self.outputs["OperatorTopic"]
            and kind in {None, mail["attributes"]["kind"]}
        ]

    def wait_for_mail(self, kind: str, about: str = "") -> list[Record]:
        """The operator's e-mails of a kind that name something, once there is one."""

        def found() -> list[Record]:
            return [mail for mail in self.operator_mails(kind) if about in mail["message"]]

        return wait_for(found, f"an e-mail of the kind {kind} about {about!r}")

    def consumer_mails(self, upload: Uploaded) -> list[Record]:
        """The consumer's e-mails about an image."""
        return [
            mail
            for mail in self.local.control("GET", "mail")
            if mail["topic"] == self.outputs["ConsumerTopic"]
            and mail["attributes"]["detection_id"] == upload.detection_id
        ]

    def measured(self, metric: str, statistic: str = "Sum", **dimensions: str) -> float:
        """What CloudWatch knows of one of the stack's metrics, over all time; 0 for nothing."""
        own = {"Stack": self.local.name, **dimensions}
        answer = self.client("cloudwatch").get_metric_statistics(
            Namespace="LabelLoop",
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in own.items()],
            StartTime=datetime(2020, 1, 1, tzinfo=UTC),
            EndTime=datetime(2100, 1, 1, tzinfo=UTC),
            Period=100 * 365 * 86400,
            Statistics=[statistic],
        )
        return sum(float(point[statistic]) for point in answer["Datapoints"])
