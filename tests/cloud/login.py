"""The sign-in host: what `DefaultAzureCredential` needs to sign in as a service principal."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from tests.cloud import names, tokens

ISSUER = f"https://{names.LOGIN}"
blueprint = Blueprint("login", __name__)


@blueprint.get("/common/discovery/instance")
def instance() -> dict[str, Any]:
    tenant = f"{ISSUER}/{tokens.TENANT}/v2.0/.well-known/openid-configuration"
    return {
        "tenant_discovery_endpoint": tenant,
        "api-version": "1.1",
        "metadata": [
            {
                "preferred_network": names.LOGIN,
                "preferred_cache": names.LOGIN,
                "aliases": [names.LOGIN],
            }
        ],
    }


@blueprint.get("/<tenant>/v2.0/.well-known/openid-configuration")
def openid_configuration(tenant: str) -> ResponseReturnValue:
    if tenant != tokens.TENANT:
        return _refuse(400, "invalid_tenant", f"AADSTS90002: Tenant '{tenant}' not found.")
    return {
        "issuer": f"{ISSUER}/{tenant}/v2.0",
        "authorization_endpoint": f"{ISSUER}/{tenant}/oauth2/v2.0/authorize",
        "token_endpoint": f"{ISSUER}/{tenant}/oauth2/v2.0/token",
        "jwks_uri": f"{ISSUER}/{tenant}/discovery/v2.0/keys",
    }


@blueprint.post("/<tenant>/oauth2/v2.0/token")
def token(tenant: str) -> ResponseReturnValue:
    form = request.form
    if form.get("grant_type") != "client_credentials":
        return _refuse(400, "unsupported_grant_type", "AADSTS70003: unsupported grant type.")
    if tenant != tokens.TENANT or form.get("client_id") != tokens.CLIENT:
        return _refuse(400, "unauthorized_client", "AADSTS700016: Application not found.")
    if form.get("client_secret") != tokens.SECRET:
        return _refuse(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
    scopes = [s for s in form.get("scope", "").split() if s.endswith("/.default")]
    audience = scopes[0].removesuffix("/.default").rstrip("/") if len(scopes) == 1 else ""
    if audience not in tokens.AUDIENCES:
        return _refuse(400, "invalid_resource", f"AADSTS500011: no resource named '{audience}'.")
    return {
        "token_type": "Bearer",
        "expires_in": tokens.LIFETIME,
        "ext_expires_in": tokens.LIFETIME,
        "access_token": tokens.issue(audience),
    }


def _refuse(status: int, error: str, description: str) -> ResponseReturnValue:
    return {"error": error, "error_description": description}, status
