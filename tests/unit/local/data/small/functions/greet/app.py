"""Answers HTTP requests, and anything else, with a greeting."""

import json

from shared import greeting


def lambda_handler(event, context):
    if event.get("rawPath") == "/":
        body = "iVBORw0K" if event.get("queryStringParameters") else "<h1>page</h1>"
        is_binary = body != "<h1>page</h1>"
        headers = {"content-type": "image/png" if is_binary else "text/html"}
        return {"statusCode": 200, "headers": headers, "body": body, "isBase64Encoded": is_binary}
    name = event.get("pathParameters", {}).get("name", "night")
    if name == "nobody":
        raise ValueError("nobody is there")
    if "requestContext" in event:
        return {"statusCode": 201, "body": json.dumps({"greeting": greeting(), "event": event})}
    return {"greeting": f"{greeting()} {name}"}
