"""The listener that stands in for all hosts."""

from __future__ import annotations

import socket

from azure.ai.ml import MLClient

from tests.cloud.cloud import Cloud


def test_a_connection_that_says_nothing_keeps_nobody_waiting(
    cloud: Cloud, client: MLClient
) -> None:
    with socket.create_connection(("127.0.0.1", cloud.port)):
        assert client.workspaces.get(cloud.workspace.name).name == cloud.workspace.name
