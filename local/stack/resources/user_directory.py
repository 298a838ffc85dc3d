"""Cognito: the user pool, its clients, groups, scopes and domain."""

from __future__ import annotations

from typing import Any, ClassVar

from local.constants import REGION, SIGN_IN_PREFIX
from local.stack.resources.base import Created, Resource, ResourceType, integer, names, truth


class UserPool(ResourceType):
    type_name = "AWS::Cognito::UserPool"
    properties = names(
        "AccountRecoverySetting AdminCreateUserConfig AliasAttributes AutoVerifiedAttributes "
        "DeletionProtection EmailConfiguration EnabledMfas MfaConfiguration Policies Schema "
        "UserAttributeUpdateSettings UsernameAttributes UsernameConfiguration UserPoolName "
        "UserPoolTier VerificationMessageTemplate"
    )
    ignored = names("UserPoolAddOns UserPoolTags")

    def create(self, resource: Resource) -> Created:
        settings = {k: _typed(v) for k, v in resource.properties.items() if k != "UserPoolName"}
        mfa, factors = settings.get("MfaConfiguration", "OFF"), settings.pop("EnabledMfas", [])
        if mfa not in ("OFF", "ON") or (mfa == "ON" and factors != ["SOFTWARE_TOKEN_MFA"]):
            raise NotImplementedError("second factors other than an app's codes, asked of all")
        pool = resource.client("cognito-idp").create_user_pool(
            PoolName=resource.name("UserPoolName", 128), **settings
        )["UserPool"]
        provider = f"cognito-idp.{REGION}.amazonaws.com/{pool['Id']}"
        return Created(
            pool["Id"],
            {
                "Arn": pool["Arn"],
                "ProviderName": provider,
                "ProviderURL": f"https://{provider}",
                "UserPoolId": pool["Id"],
            },
        )

    def delete(self, resource: Resource) -> None:
        resource.client("cognito-idp").delete_user_pool(UserPoolId=resource.physical_id)


_NUMBERS = frozenset(
    ("MinimumLength", "TemporaryPasswordValidityDays", "PasswordHistorySize", "Priority")
)


def _typed(value: Any, name: str = "") -> Any:
    """Values with the types that the API insists on."""
    if isinstance(value, dict):
        return {key: _typed(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if name in _NUMBERS:
        return integer(value)
    return value == "true" if value in ("true", "false") else value


class _InPool(ResourceType):
    """Something in a user pool, which is made anew where one of these properties changes."""

    identity: ClassVar[tuple[str, ...]] = ("UserPoolId",)

    def update(self, resource: Resource) -> Created:
        new, old = resource.properties, resource.old_properties
        if all(new.get(name) == old.get(name) for name in self.identity):
            return self.change(resource)
        created = self.create(resource)
        resource.properties = old  # CloudFormation then deletes what was replaced
        self.delete(resource)
        resource.properties = new
        return created

    def change(self, resource: Resource) -> Created:
        """Bring it to its new properties where it is."""
        return super().update(resource)


class UserPoolClient(_InPool):
    type_name = "AWS::Cognito::UserPoolClient"
    properties = names(
        "AccessTokenValidity AllowedOAuthFlows AllowedOAuthFlowsUserPoolClient AllowedOAuthScopes "
        "AuthSessionValidity CallbackURLs ClientName DefaultRedirectURI "
        "EnableTokenRevocation ExplicitAuthFlows GenerateSecret IdTokenValidity LogoutURLs "
        "PreventUserExistenceErrors ReadAttributes RefreshTokenValidity "
        "SupportedIdentityProviders TokenValidityUnits UserPoolId WriteAttributes"
    )
    ignored = names("EnablePropagateAdditionalUserContextData RefreshTokenRotation")

    def create(self, resource: Resource) -> Created:
        client = resource.client("cognito-idp").create_user_pool_client(
            ClientName=resource.name("ClientName", 128), **_client_settings(resource)
        )["UserPoolClient"]
        attributes = {"ClientId": client["ClientId"], "Name": client["ClientName"]}
        if "ClientSecret" in client:
            attributes["ClientSecret"] = client["ClientSecret"]
        return Created(client["ClientId"], attributes)

    def change(self, resource: Resource) -> Created:
        settings = _client_settings(resource)
        settings.pop("GenerateSecret", None)
        resource.client("cognito-idp").update_user_pool_client(
            ClientId=resource.physical_id, **settings
        )
        return Created(resource.physical_id, resource.attributes)

    def delete(self, resource: Resource) -> None:
        resource.client("cognito-idp").delete_user_pool_client(
            UserPoolId=resource.properties["UserPoolId"], ClientId=resource.physical_id
        )


def _client_settings(resource: Resource) -> dict[str, Any]:
    settings = {k: v for k, v in resource.properties.items() if k != "ClientName"}
    for name, value in settings.items():
        if name.endswith("Validity"):
            settings[name] = integer(value)
    for name in (
        "GenerateSecret",
        "EnableTokenRevocation",
        "AllowedOAuthFlowsUserPoolClient",
    ):
        if name in settings:
            settings[name] = truth(settings[name])
    return settings


class ManagedLoginBranding(_InPool):
    identity = ("UserPoolId", "ClientId")
    type_name = "AWS::Cognito::ManagedLoginBranding"
    properties = names("ClientId UseCognitoProvidedValues UserPoolId")

    def create(self, resource: Resource) -> Created:
        if not truth(resource.properties.get("UseCognitoProvidedValues", False)):
            raise NotImplementedError("only UseCognitoProvidedValues")
        client = str(resource.properties["ClientId"])
        resource.services.sign_in.styled.add(client)
        return Created(f"{resource.properties['UserPoolId']}|{client}")

    def delete(self, resource: Resource) -> None:
        resource.services.sign_in.styled.discard(str(resource.properties["ClientId"]))


class UserPoolGroup(_InPool):
    identity = ("UserPoolId", "GroupName")
    type_name = "AWS::Cognito::UserPoolGroup"
    properties = names("Description GroupName Precedence UserPoolId")

    def create(self, resource: Resource) -> Created:
        name = resource.name("GroupName", 128)
        settings = resource.parts("Description", "UserPoolId", "Precedence")
        if "Precedence" in settings:
            settings["Precedence"] = integer(settings["Precedence"])
        resource.client("cognito-idp").create_group(GroupName=name, **settings)
        return Created(name)

    def delete(self, resource: Resource) -> None:
        resource.client("cognito-idp").delete_group(
            GroupName=resource.physical_id, UserPoolId=resource.properties["UserPoolId"]
        )


class UserPoolResourceServer(_InPool):
    identity = ("UserPoolId", "Identifier")
    type_name = "AWS::Cognito::UserPoolResourceServer"
    properties = names("Identifier Name Scopes UserPoolId")

    def create(self, resource: Resource) -> Created:
        identifier = str(resource.properties["Identifier"])
        resource.client("cognito-idp").create_resource_server(**resource.properties)
        return Created(identifier)

    def delete(self, resource: Resource) -> None:
        """It goes with its pool: moto has no DeleteResourceServer."""


class UserPoolDomain(_InPool):
    type_name = "AWS::Cognito::UserPoolDomain"
    properties = names("Domain ManagedLoginVersion UserPoolId")
    identity = ("UserPoolId", "Domain")

    def create(self, resource: Resource) -> Created:
        domain = str(resource.properties["Domain"])
        resource.client("cognito-idp").create_user_pool_domain(
            **resource.parts("Domain", "UserPoolId")
        )
        if integer(resource.properties.get("ManagedLoginVersion", 1)) > 1:
            resource.services.sign_in.managed.add(domain)
        return Created(domain, {"CloudFrontDistribution": f"{SIGN_IN_PREFIX}{domain}"})

    def delete(self, resource: Resource) -> None:
        resource.client("cognito-idp").delete_user_pool_domain(
            **resource.parts("Domain", "UserPoolId")
        )
        resource.services.sign_in.managed.discard(str(resource.properties["Domain"]))
