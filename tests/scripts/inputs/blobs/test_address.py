from __future__ import annotations

import pytest

from scripts.errors import OperatorError
from scripts.inputs.blobs.address import parse


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "https://acme.blob.core.windows.net/photos",
            ("https://acme.blob.core.windows.net", "photos", "", ""),
        ),
        (
            "https://acme.blob.core.windows.net/photos/a%20b/c/?sv=1&sig=x%2F",
            ("https://acme.blob.core.windows.net", "photos", "a b/c/", "sv=1&sig=x%2F"),
        ),
        (
            "abfss://photos@acme.dfs.core.windows.net/a/b",
            ("https://acme.blob.core.windows.net", "photos", "a/b/", ""),
        ),
        (
            "abfs://photos@acme.dfs.core.windows.net",
            ("https://acme.blob.core.windows.net", "photos", "", ""),
        ),
        (
            "https://acme.dfs.core.windows.net/photos/a",
            ("https://acme.blob.core.windows.net", "photos", "a/", ""),
        ),
        (
            "http://127.0.0.1:10000/devstoreaccount1/photos/a",
            ("http://127.0.0.1:10000/devstoreaccount1", "photos", "a/", ""),
        ),
    ],
)
def test_addresses(url: str, expected: tuple[str, ...]) -> None:
    assert parse(url) == expected


@pytest.mark.parametrize(
    "url",
    ["https://acme.blob.core.windows.net", "abfss://acme.dfs.core.windows.net/a", "s3://x/y"],
)
def test_what_is_no_address_of_blobs(url: str) -> None:
    with pytest.raises(OperatorError, match="no address of blobs"):
        parse(url)
