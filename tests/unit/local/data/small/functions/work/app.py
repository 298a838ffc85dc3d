"""Works off the queue, or does the one thing that its event asks for."""

import json
import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ONCE = Config(retries={"total_max_attempts": 1})


def lambda_handler(event, context):
    if "Records" in event:
        for record in event["Records"]:
            key = json.loads(record["body"])["detail"]["object"]["key"]
            boto3.client("dynamodb").put_item(
                TableName=os.environ["TABLE"], Item={"pk": {"S": key}, "kind": {"S": "upload"}}
            )
        return {"batchItemFailures": []}
    client = boto3.client(event["service"], config=ONCE)
    parameters = {
        name: os.environ.get(value[1:], value) if isinstance(value, str) else value
        for name, value in event["parameters"].items()
    }
    try:
        answer = getattr(client, event["operation"])(**parameters)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return {"status": status, **error.response["Error"]}
    answer.pop("ResponseMetadata")
    return json.loads(json.dumps(answer, default=str))
