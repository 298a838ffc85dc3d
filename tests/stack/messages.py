"""What the stack says: e-mails, events and metrics."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from local.launch import wait_for
from tests import event_schemas
from tests.stack.bucket import Uploaded
from tests.stack.deployed import Deployed, Record

FOLLOWING = "tests-follow-events"
"""A queue, and the rule that brings it what the stack tells programs."""


class Messages(Deployed):
    """E-mails and events as they were sent, and what CloudWatch has counted."""

    _events_url = ""
    _events: tuple[Record, ...] = ()

    def follow_events(self) -> None:
        """Let a queue get every event that the stack sends from now on."""
        sqs, events = self.client("sqs"), self.client("events")
        self._events_url = sqs.create_queue(QueueName=FOLLOWING)["QueueUrl"]
        named = {"QueueUrl": self._events_url, "AttributeNames": ["QueueArn"]}
        arn = sqs.get_queue_attributes(**named)["Attributes"]["QueueArn"]
        pattern = json.dumps({"source": ["labelloop"]})
        rule = events.put_rule(Name=FOLLOWING, EventPattern=pattern)["RuleArn"]
        allowed = {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        sqs.set_queue_attributes(QueueUrl=self._events_url, Attributes={"Policy": policy})
        events.put_targets(Rule=FOLLOWING, Targets=[{"Id": "queue", "Arn": arn}])

    def events(self, event_type: str | None = None, about: str = "") -> list[Record]:
        """The events that came so far, of one type or all, that name something.

        Each has the form that its schema promises.
        """
        sqs, some = self.client("sqs"), {"QueueUrl": self._events_url, "MaxNumberOfMessages": 10}
        while came := sqs.receive_message(**some).get("Messages"):
            for message in came:
                event = json.loads(message["Body"])
                event_schemas.check(event)
                self._events += (event,)
                sqs.delete_message(
                    QueueUrl=self._events_url, ReceiptHandle=message["ReceiptHandle"]
                )
        return [
            event
            for event in self._events
            if event_type in {None, event["detail-type"]} and about in json.dumps(event)
        ]

    def wait_for_event(self, event_type: str, about: str = "") -> list[Record]:
        """The events of a type that name something, once there is one."""
        return wait_for(
            lambda: self.events(event_type, about), f"an event {event_type} about {about!r}"
        )

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
