from __future__ import annotations

import pytest

from nsfw_detector import Settings
from nsfw_detector.errors import SettingsError


def test_defaults_need_no_environment() -> None:
    assert Settings.from_environment().engine == "auto"


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRECISION", "fp32")
    monkeypatch.setenv("MAX_FRAMES", "5")
    settings = Settings.from_environment()
    assert (settings.precision, settings.max_frames) == ("fp32", 5)


@pytest.mark.parametrize(
    ("value", "layers"),
    [("", ()), ("5", (5,)), ("3,7,11", (3, 7, 11)), (" 7, 3 ,7,", (3, 7))],
)
def test_layers_are_a_list_with_commas(
    monkeypatch: pytest.MonkeyPatch, value: str, layers: tuple[int, ...]
) -> None:
    monkeypatch.setenv("EMBEDDING_LAYERS", value)
    assert Settings.from_environment().embedding_layers == layers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EMBEDDING_LAYERS", "-1"),
        ("EMBEDDING_LAYERS", "3;7"),
        ("PRECISION", "int4"),
        ("MAX_FRAMES", "0"),
        ("CHECKPOINT_SHA256", "abc"),
        ("THREADS", "x"),
    ],
)
def test_a_wrong_value_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment()


def test_every_setting_is_documented() -> None:
    undocumented = [n for n, f in Settings.model_fields.items() if not f.description]
    assert not undocumented
