"""API Gateway's GetAuthorizer and UpdateAuthorizer, with which the command line lets programs in.

Everything else of API Gateway is refused: the template makes it.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from local.doors import protocols
from local.doors.calls import Call
from local.http_messages import Response
from local.services.http_api_parts import Authorizer, TooManyAudiencesError
from local.services.http_apis import HttpApis


def handle(call: Call, http_apis: HttpApis) -> Response:
    """The answer to one of the two."""
    if call.operation not in ("GetAuthorizer", "UpdateAuthorizer"):
        message = f"the embedded runtime has no apigatewayv2.{call.operation}"
        return protocols.error_response("apigatewayv2", "NotImplemented", message, 501)
    api = http_apis.apis.get(call.params["apiId"])
    authorizer_id = call.params["authorizerId"]
    if api is None or authorizer_id not in api.authorizers:
        message = "Invalid Authorizer identifier specified"
        return protocols.error_response("apigatewayv2", "NotFoundException", message, 404)
    if call.operation == "UpdateAuthorizer" and "jwtConfiguration" in call.params:
        wanted = call.params["jwtConfiguration"]
        try:
            changed = Authorizer(wanted["issuer"], tuple(wanted["audience"]))
        except TooManyAudiencesError as error:
            return protocols.error_response("apigatewayv2", "BadRequestException", str(error), 400)
        api.authorizers[authorizer_id] = changed
    body = {
        "authorizerId": authorizer_id,
        "authorizerType": "JWT",
        "identitySource": ["$request.header.Authorization"],
        "jwtConfiguration": asdict(api.authorizers[authorizer_id]),
    }
    return Response(200, [("Content-Type", "application/json")], json.dumps(body).encode())
