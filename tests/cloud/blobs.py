"""The blob hosts: every request goes to Azurite as it is, signature and all."""

from __future__ import annotations

from flask import Blueprint, Response, request

from tests.cloud.proxy import forward
from tests.cloud.state import current

blueprint = Blueprint("blobs", __name__)


@blueprint.route("/", defaults={"path": ""}, methods=["GET", "HEAD", "PUT", "POST", "DELETE"])
@blueprint.route("/<path:path>", methods=["GET", "HEAD", "PUT", "POST", "DELETE"])
def blob(path: str) -> Response:
    return forward(request, current().storage.port)
