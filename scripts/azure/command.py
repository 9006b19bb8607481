"""How every script that works on Azure ends."""

from __future__ import annotations

from collections.abc import Callable

from azure.core.exceptions import AzureError

from scripts import command
from scripts.azure.errors import explain


def run(main: Callable[[], int | None]) -> None:
    """Run a script's `main` as `scripts.command` does; Azure's errors are said in plain words too.

    Args:
        main: Returns the exit status; None: 0.
    """

    def explained() -> int | None:
        try:
            return main()
        except AzureError as error:
            raise explain(error) from error

    command.run(explained)
