"""Whatever stands in a field, the doctor has findings for it, and no traceback."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts.doctor import check_file
from scripts.paths import DEMO, ROOT
from tests.scripts.azure.checks.files import changed

FOLDERS = ("compute", "deployments", "endpoints")
FILES = sorted(
    f"{folder}/{path.stem}" for folder in FOLDERS for path in (ROOT / folder).glob("*.yml")
)
OPTIONAL: dict[str, dict[str, Any]] = {
    "endpoints/online": {"traffic.blue": 100, "mirror_traffic.green": 10},
    "deployments/online-cpu": {"model": {"path": str(DEMO)}},
}
"""Fields that the committed file does without."""
INSIDE = {"deployments/online-cpu": ["model.path"]}
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(width=16), TEXT)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(SCALARS, inner, max_size=2),
    max_leaves=4,
)


def _fields(content: dict[str, Any], above: str = "") -> Iterator[str]:
    for name, value in content.items():
        yield f"{above}{name}"
        if isinstance(value, dict):
            yield from _fields(value, f"{above}{name}.")


@pytest.mark.parametrize("file", FILES)
def test_any_field_of_any_type(file: str) -> None:
    content = yaml.safe_load((ROOT / f"{file}.yml").read_text(encoding="utf-8"))
    others = {**OPTIONAL.get(file, {})}
    if "code_configuration" in content:  # little code, since it is looked through each time
        others["code_configuration.code"] = str(Path(__file__).parent)
        others["code_configuration.scoring_script"] = Path(__file__).name
    fields = st.sampled_from(sorted({*_fields(content), *others, *INSIDE.get(file, ())}))

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(fields, VALUES)
    def check(field: str, value: object) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = changed(Path(folder), file, {**others, field: value})
            assert check_file(path, {})

    check()
