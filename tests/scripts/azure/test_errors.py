from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError, ODataV4Format

from scripts.azure.errors import describe, explain


def refusal(status: int, body: dict[str, object] | None) -> HttpResponseError:
    error = HttpResponseError("Operation returned an invalid status")
    error.status_code = status
    error.error = ODataV4Format(body) if body else None
    return error


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "Operation returned an invalid status"),
        ({"code": "BadRequest", "message": "It is\n  wrong."}, "BadRequest: It is wrong."),
        ({"code": "NotFound", "message": "NotFound: none"}, "NotFound: none"),
        (
            {
                "code": "UserError",
                "message": "The request is invalid.",
                "details": [{"code": "InferencingClient", "message": "No such SKU."}],
            },
            "UserError: The request is invalid. InferencingClient: No such SKU.",
        ),
    ],
)
def test_code_message_and_details_on_one_line(body: dict[str, object] | None, said: str) -> None:
    assert describe(refusal(400, body)) == said


@pytest.mark.parametrize(
    ("status", "code", "what", "remedy"),
    [
        (403, "Forbidden", "Azure refused: Forbidden: no", "role `AzureML Data Scientist`"),
        (400, "OutOfQuota", "too little quota: OutOfQuota: no", "Take a smaller SKU"),
        (404, "NotFound", "Azure does not find it: NotFound: no", "Look at the names"),
        (500, "Broken", "Azure answered 500: Broken: no", "Running the script again is safe"),
    ],
)
def test_what_it_means_and_what_to_do(status: int, code: str, what: str, remedy: str) -> None:
    explained = explain(refusal(status, {"code": code, "message": "no"}))
    assert what in explained.what
    assert remedy in explained.remedy
