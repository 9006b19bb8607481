"""Whether an endpoint's identity may pull its image and read its model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scripts.azure.checks.context import Context
from scripts.azure.findings import Finding
from scripts.azure.workspace import credential


@dataclass(frozen=True, slots=True)
class Need:
    """A role that an identity needs on a resource of the workspace.

    Attributes:
        resource: Field of the workspace that holds the resource's id.
        role: The least role that is enough.
        enough: Ids of the role definitions that are enough, the least one first.
        why: What fails without it.
    """

    resource: str
    role: str
    enough: tuple[str, ...]
    why: str


NEEDS = (
    Need(
        "container_registry",
        "AcrPull",
        (
            "7f951dda-4ed3-4680-a7ca-43fe172d538d",
            "8311e382-0749-4cb8-b61a-304f252e45ec",  # AcrPush
            "b24988ac-6180-42a0-ab88-20f7382dd24c",  # Contributor
            "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",  # Owner
        ),
        "The image cannot be pulled.",
    ),
    Need(
        "storage_account",
        "Storage Blob Data Reader",
        (
            "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
            "ba92f5b4-2d11-453d-a403-e96b0029c9fe",  # Storage Blob Data Contributor
            "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",  # Storage Blob Data Owner
        ),
        "The model and the code cannot be read.",
    ),
)


def check_roles(context: Context) -> Iterator[Finding]:
    """Compare the roles of the endpoint's identities with those that a deployment needs."""
    if context.document.kind != "managed" or context.endpoint is None:
        return  # made with the endpoint; Azure gives a new identity its roles
    principals = list(_principals(context.endpoint))
    if not principals:
        yield context.document.error(
            f"endpoint {context.endpoint_name} has no identity",
            "It can neither pull its image nor read its model.",
            "Delete and make it again with identity: {type: system_assigned} in its file: an "
            "endpoint's identity cannot be changed.",
        )
    for need in NEEDS:
        scope = getattr(context.settings, need.resource, None)
        if not scope:  # the registry is made when the first image is built
            continue
        held = {role for p in principals for role in _held_roles(context, str(scope), p)}
        if principals and not held.intersection(need.enough):
            yield context.document.warning(
                f"the identity of {context.endpoint_name} lacks {need.role} on "
                f"{str(scope).rsplit('/', 1)[-1]}",
                f"{need.why} (Roles that it has through a group are not seen here.)",
                f"az role assignment create --role '{need.role}' --scope {scope} "
                f"--assignee-object-id {principals[0]} --assignee-principal-type ServicePrincipal",
            )
        elif principals:
            yield context.document.ok(f"the identity of {context.endpoint_name} has {need.role}")


def _principals(endpoint: Any) -> Iterator[str]:
    identity = endpoint.identity
    if identity is None:
        return
    if identity.principal_id:
        yield str(identity.principal_id)
    for assigned in identity.user_assigned_identities or ():
        if assigned.principal_id:
            yield str(assigned.principal_id)


def _held_roles(context: Context, scope: str, principal: str) -> Iterator[str]:
    from azure.mgmt.authorization import AuthorizationManagementClient

    with AuthorizationManagementClient(credential(), context.workspace.subscription) as client:
        # Gives those on the resource, on what contains it, and on parts of it.
        assignments = client.role_assignments.list_for_scope(
            scope, filter=f"principalId eq '{principal}'"
        )
        for assignment in assignments:
            if scope.lower().startswith(str(assignment.scope).lower().rstrip("/")):
                yield str(assignment.role_definition_id).rsplit("/", 1)[-1]
