"""API Gateway HTTP APIs, which local/services/http_apis.py serves."""

from __future__ import annotations

import hashlib
from typing import Any

from local.constants import REGION
from local.services.http_api_parts import (
    LOGGED,
    AccessLog,
    Api,
    Authorizer,
    Integration,
    Limit,
    Route,
    Stage,
)
from local.stack.resources.base import Created, Resource, ResourceType, integer, names


def _short_id(resource: Resource) -> str:
    return hashlib.sha256(
        f"{resource.deployment.stack_id} {resource.logical_id}".encode()
    ).hexdigest()[:10]


def _api(resource: Resource) -> Api:
    return resource.services.http_apis.apis[str(resource.properties["ApiId"])]


class HttpApi(ResourceType):
    type_name = "AWS::ApiGatewayV2::Api"
    properties = names("CorsConfiguration Description DisableExecuteApiEndpoint Name ProtocolType")

    def create(self, resource: Resource) -> Created:
        if resource.properties["ProtocolType"] != "HTTP":
            raise NotImplementedError("only HTTP APIs")
        api_id = _short_id(resource)
        cors = resource.properties.get("CorsConfiguration")
        resource.services.http_apis.apis[api_id] = Api(api_id, cors)
        endpoint = f"{resource.services.http_apis.base}{api_id}"
        return Created(api_id, {"ApiEndpoint": endpoint, "ApiId": api_id})

    def update(self, resource: Resource) -> Created:
        api = resource.services.http_apis.apis[resource.physical_id]
        api.cors = resource.properties.get("CorsConfiguration")
        return Created(resource.physical_id, resource.attributes)

    def delete(self, resource: Resource) -> None:
        resource.services.http_apis.apis.pop(resource.physical_id, None)


class HttpIntegration(ResourceType):
    type_name = "AWS::ApiGatewayV2::Integration"
    properties = names(
        "ApiId IntegrationMethod IntegrationType IntegrationUri PayloadFormatVersion "
        "TimeoutInMillis"
    )
    ignored = names("Description")

    def create(self, resource: Resource) -> Created:
        given, integration_id = resource.properties, _short_id(resource)
        if given["IntegrationType"] != "AWS_PROXY" or given.get("PayloadFormatVersion") != "2.0":
            raise NotImplementedError("only AWS_PROXY with PayloadFormatVersion 2.0")
        timeout_s = integer(given.get("TimeoutInMillis", 30_000)) / 1000
        _api(resource).integrations[integration_id] = Integration(
            given["IntegrationUri"], min(timeout_s, 30.0)
        )
        return Created(integration_id, {"IntegrationId": integration_id})

    def update(self, resource: Resource) -> Created:
        return self.create(resource)

    def delete(self, resource: Resource) -> None:
        _api(resource).integrations.pop(resource.physical_id, None)


class HttpRoute(ResourceType):
    type_name = "AWS::ApiGatewayV2::Route"
    properties = names("ApiId AuthorizationScopes AuthorizationType AuthorizerId RouteKey Target")
    ignored = names("OperationName")

    def create(self, resource: Resource) -> Created:
        given, route_id = resource.properties, _short_id(resource)
        kind = given.get("AuthorizationType", "NONE")
        if kind not in ("NONE", "JWT") or (kind == "JWT") != ("AuthorizerId" in given):
            raise NotImplementedError(f"AuthorizationType {kind}, AuthorizerId")
        _api(resource).routes[route_id] = Route(
            given["RouteKey"],
            str(given["Target"]).removeprefix("integrations/"),
            given.get("AuthorizerId"),
            tuple(given.get("AuthorizationScopes", [])),
        )
        return Created(route_id, {"RouteId": route_id})

    def update(self, resource: Resource) -> Created:
        return self.create(resource)

    def delete(self, resource: Resource) -> None:
        _api(resource).routes.pop(resource.physical_id, None)


def _limit(settings: dict[str, Any]) -> Limit | None:
    if "ThrottlingRateLimit" not in settings:
        return None
    return Limit(float(settings["ThrottlingRateLimit"]), integer(settings["ThrottlingBurstLimit"]))


def _access_log(settings: dict[str, Any] | None) -> AccessLog | None:
    if settings is None:
        return None
    # As API Gateway takes it: without the :* that CloudFormation's attribute ends with.
    group = str(settings["DestinationArn"]).partition(":log-group:")[2].removesuffix(":*")
    kept = AccessLog(group, str(settings["Format"]))
    unknown = set(kept.variables) - LOGGED
    if unknown:
        raise NotImplementedError(f"$context.{min(unknown)} in an access log")
    return kept


class HttpStage(ResourceType):
    type_name = "AWS::ApiGatewayV2::Stage"
    properties = names(
        "AccessLogSettings ApiId AutoDeploy DefaultRouteSettings RouteSettings StageName "
        "StageVariables"
    )
    ignored = names("Description Tags")

    def create(self, resource: Resource) -> Created:
        given, api = resource.properties, _api(resource)
        if not given.get("AutoDeploy"):
            raise NotImplementedError("stages without AutoDeploy")
        settings: dict[str, Any] = given.get("RouteSettings", {})
        unknown = settings.keys() - {route.key for route in api.routes.values()}
        if unknown:
            # As API Gateway refuses it: the stage must be made after its routes.
            raise ValueError(f"Unable to find Route by key {min(unknown)} within the RouteSettings")
        api.stages[str(given["StageName"])] = Stage(
            given.get("StageVariables", {}),
            _limit(given.get("DefaultRouteSettings", {})),
            {key: limit for key, one in settings.items() if (limit := _limit(one))},
            _access_log(given.get("AccessLogSettings")),
        )
        return Created(str(given["StageName"]))

    def update(self, resource: Resource) -> Created:
        return self.create(resource)

    def delete(self, resource: Resource) -> None:
        _api(resource).stages.pop(resource.physical_id, None)


class HttpAuthorizer(ResourceType):
    type_name = "AWS::ApiGatewayV2::Authorizer"
    properties = names("ApiId AuthorizerType IdentitySource JwtConfiguration Name")

    def create(self, resource: Resource) -> Created:
        given, authorizer_id = resource.properties, _short_id(resource)
        source: Any = given.get("IdentitySource")
        if given["AuthorizerType"] != "JWT" or source != ["$request.header.Authorization"]:
            raise NotImplementedError(f"authorizers other than JWT from the header: {source}")
        jwt = given["JwtConfiguration"]
        issuer = str(jwt["Issuer"])
        if not issuer.startswith(f"https://cognito-idp.{REGION}.amazonaws.com/"):
            raise NotImplementedError(f"tokens of another issuer than Cognito: {issuer}")
        _api(resource).authorizers[authorizer_id] = Authorizer(issuer, tuple(jwt["Audience"]))
        return Created(authorizer_id, {"AuthorizerId": authorizer_id})

    def update(self, resource: Resource) -> Created:
        return self.create(resource)

    def delete(self, resource: Resource) -> None:
        _api(resource).authorizers.pop(resource.physical_id, None)
