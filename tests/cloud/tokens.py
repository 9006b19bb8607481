"""Access tokens of the stand-in: real JSON web tokens, for one audience each."""

from __future__ import annotations

import time
import uuid

import jwt

TENANT = "10000000-0000-4000-8000-000000000001"
CLIENT = "10000000-0000-4000-8000-000000000002"
SECRET = "the service principal's secret"
PRINCIPAL = "10000000-0000-4000-8000-000000000003"
LIFETIME = 3600
AUDIENCES = {
    "https://management.azure.com",
    "https://ml.azure.com",
    "https://storage.azure.com",
}

_signing_key = uuid.uuid4().hex + uuid.uuid4().hex


def issue(audience: str, subject: str = PRINCIPAL, lifetime: float = LIFETIME) -> str:
    """Sign a token that `subject` may use at `audience`."""
    now = time.time()
    claims = {
        "aud": audience,
        "iss": f"https://sts.windows.net/{TENANT}/",
        "iat": int(now),
        "nbf": int(now) - 300,
        "exp": now + lifetime,
        "appid": CLIENT,
        "oid": subject,
        "tid": TENANT,
    }
    return jwt.encode(claims, _signing_key, algorithm="HS256")


def accepts(authorization: str | None, audience: str) -> bool:
    """Whether an `Authorization` header holds a token for `audience` that has not expired."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        return False
    try:
        jwt.decode(token, _signing_key, algorithms=["HS256"], audience=audience)
    except jwt.InvalidTokenError:
        return False
    return True
