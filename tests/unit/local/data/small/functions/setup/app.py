"""A custom resource: remembers the greeting that the stack was set up with."""

import json
import urllib.request


def lambda_handler(event, context):
    properties = event["ResourceProperties"]
    refused = properties["Greeting"] == "rude"
    answer = {
        "Status": "FAILED" if refused and event["RequestType"] != "Delete" else "SUCCESS",
        "Reason": "rude greetings are refused",
        "PhysicalResourceId": event.get("PhysicalResourceId", "setup-1"),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": {
            "Greeting": f"{event['RequestType']} {properties['Greeting']} {properties['Count']!r}"
        },
    }
    request = urllib.request.Request(  # noqa: S310 - CloudFormation's own address
        event["ResponseURL"], data=json.dumps(answer).encode(), method="PUT"
    )
    urllib.request.urlopen(request).close()  # noqa: S310
