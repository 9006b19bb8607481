from __future__ import annotations

import io
import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.identity import DefaultAzureCredential
from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas

from nsfw_detector import Detector
from nsfw_detector.batch import score_items
from nsfw_detector.errors import DetectorError, ImageError, ImageUnavailableError
from nsfw_detector.results import Detection
from scripts.errors import OperatorError
from scripts.folder_run.results_folder import TRIED_AGAIN
from scripts.inputs.blobs import container as blob_container
from scripts.inputs.blobs.container import open_blobs
from scripts.inputs.blobs.file import CHUNK, BlobFile
from scripts.paths import SAMPLES
from tests.batch.videos import write_video
from tests.cloud import azurite
from tests.scripts.inputs.storage import Network, make_container, network

BY_KEY = {"AZURE_STORAGE_KEY": azurite.KEY}


@pytest.fixture
def container(blob_storage: azurite.Azurite) -> ContainerClient:
    return make_container(blob_storage, f"c{uuid.uuid4().hex}")


@pytest.fixture
def net(blob_storage: azurite.Azurite) -> Iterator[Network]:
    with network(blob_storage) as made:
        yield made


def address(net: Network, container: ContainerClient, folder: str = "") -> str:
    return f"{net.url}/{container.container_name}/{folder}"


def sas(container: ContainerClient, *, read: bool = True, ends_in: float = 1) -> str:
    return generate_container_sas(
        azurite.ACCOUNT,
        container.container_name,
        azurite.KEY,
        permission=ContainerSasPermissions(read=read, list=True),
        expiry=datetime.now(UTC) + timedelta(hours=ends_in),
    )


def test_blobs_below_the_folder(net: Network, container: ContainerClient) -> None:
    inside = ["b.jpg", "a b/ü.jpg", "a b/c/100%.png", "日本/x?#&.gif", "a b//odd.png", "empty"]
    for name in [*(f"in/{name}" for name in inside), "in-not.jpg", "other/x.jpg"]:
        container.upload_blob(name, name.encode() if name != "in/empty" else b"")
    container.upload_blob("in/a b", b"", metadata={"hdi_isfolder": "true"})
    found = {}
    for item in open_blobs(address(net, container, "in"), BY_KEY).items():
        with item.open() as file:
            found[item.name] = file.read()
    assert found == {n: f"in/{n}".encode() if n != "empty" else b"" for n in inside}
    everything = list(open_blobs(address(net, container), BY_KEY).items())
    assert len(everything) == len(inside) + 2


def test_an_image_is_one_request(
    net: Network, container: ContainerClient, demo_detector: Detector
) -> None:
    container.upload_blob("cat.jpg", (SAMPLES / "cat.jpg").read_bytes())
    (score,) = score_items(
        demo_detector, open_blobs(address(net, container), BY_KEY).items(), read_ahead=1
    )
    assert [score.result] == demo_detector.detect([SAMPLES / "cat.jpg"])
    assert len([path for path, _ in net.requests if path.endswith("cat.jpg")]) == 1


def test_no_more_of_a_blob_is_fetched_than_an_image_may_have(
    net: Network, container: ContainerClient, demo_detector: Detector
) -> None:
    container.upload_blob("large", bytes(3 * CHUNK + 100))
    settings = demo_detector.settings
    most = settings.max_image_bytes
    settings.max_image_bytes = 1000
    try:
        (score,) = score_items(demo_detector, open_blobs(address(net, container), BY_KEY).items())
    finally:
        settings.max_image_bytes = most
    ranges = [range_ for path, range_ in net.requests if path.endswith("large")]
    assert ranges == [f"bytes=0-{CHUNK - 1}"]
    assert isinstance(score.result, DetectorError)


def test_videos_are_read_where_they_are_needed(
    net: Network, container: ContainerClient, demo_detector: Detector, tmp_path: Path
) -> None:
    pictures = [SAMPLES / "cat.jpg", SAMPLES / "demo-medium.png"]
    video = write_video(tmp_path / "x.mp4", pictures)
    container.upload_blob("x.mp4", video.read_bytes())
    (score,) = score_items(demo_detector, open_blobs(address(net, container), BY_KEY).items())
    assert isinstance(score.result, Detection)
    assert score.result.format == "MP4"
    assert score.result.level == "medium"


def test_sign_in_by_sas_key_and_connection_string(
    net: Network, container: ContainerClient, blob_storage: azurite.Azurite
) -> None:
    container.upload_blob("x", b"content")
    url = address(net, container)
    connection = (
        f"DefaultEndpointsProtocol=http;AccountName={azurite.ACCOUNT};AccountKey={azurite.KEY};"
        f"BlobEndpoint={net.url};"
    )
    other = connection.replace(net.url, "http://127.0.0.1:9/other")
    for source in (
        open_blobs(f"{url}?{sas(container)}", {}),
        open_blobs(url, {"AZURE_STORAGE_SAS_TOKEN": sas(container)}),
        open_blobs(url, {"AZURE_STORAGE_CONNECTION_STRING": connection}),
        open_blobs(url, {**BY_KEY, "AZURE_STORAGE_CONNECTION_STRING": other}),
    ):
        (item,) = source.items()
        with item.open() as file:
            assert file.read() == b"content"
        assert source.name == url
        assert "sig" not in source.name


def test_without_anything_it_signs_in_as_the_default_credential() -> None:
    source = open_blobs("https://acme.blob.core.windows.net/photos", {})
    assert isinstance(source._container.credential, DefaultAzureCredential)


@pytest.mark.parametrize("name", ["failing", "cut"])
def test_a_blob_that_cannot_be_fetched_costs_only_itself(
    net: Network,
    container: ContainerClient,
    demo_detector: Detector,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setattr(blob_container, "RETRIES", 1)
    for blob in ("a.jpg", "bad.jpg", "c.jpg"):
        container.upload_blob(blob, (SAMPLES / "cat.jpg").read_bytes() + blob.encode())
    getattr(net, name).add("bad.jpg")
    source = open_blobs(address(net, container), BY_KEY)
    scores = {score.file: score.result for score in score_items(demo_detector, source.items())}
    assert isinstance(scores["a.jpg"], Detection)
    assert isinstance(scores["c.jpg"], Detection)
    bad = scores["bad.jpg"]
    assert isinstance(bad, ImageUnavailableError)
    if name == "failing":
        assert "503 ServerBusy" in bad.message
    assert "bad" not in bad.message
    assert len([path for path, _ in net.requests if path.endswith("bad.jpg")]) >= 2
    getattr(net, name).clear()
    (again,) = [item for item in source.items() if item.name == "bad.jpg"]
    with again.open() as file:
        assert file.read().endswith(b"bad.jpg")


def test_a_blob_that_goes_or_changes_after_it_was_listed(
    net: Network, container: ContainerClient
) -> None:
    for blob in ("gone", "changed"):
        container.upload_blob(blob, b"content")
    items = {item.name: item for item in open_blobs(address(net, container), BY_KEY).items()}
    container.delete_blob("gone")
    container.upload_blob("changed", b"other content", overwrite=True)
    for item in items.values():
        with item.open() as file, pytest.raises(ImageError) as raised:
            file.read()
        assert raised.value.code in TRIED_AGAIN


def test_a_sign_in_that_is_not_accepted_ends_the_run(
    net: Network, container: ContainerClient
) -> None:
    container.upload_blob("x", b"content")
    url = address(net, container)
    old = sas(container, ends_in=-1)
    for source in (
        open_blobs(f"{url}?{old}", {}),
        open_blobs(url, {"AZURE_STORAGE_KEY": "bm8="}),
    ):
        with pytest.raises(OperatorError, match="did not accept the sign-in: 403") as raised:
            list(source.items())
        assert "sig=" not in str(raised.value)
        assert "SAS" in raised.value.remedy
    # One that ends while the run is under way.
    stale = ContainerClient(net.url, container.container_name, old).get_blob_client("x")
    listed = container.get_blob_client("x").get_blob_properties()
    with pytest.raises(OperatorError, match="did not accept the sign-in"):
        BlobFile(stale, listed.size, listed.etag).read(1)


def test_no_container_or_no_network(
    net: Network, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blob_container, "RETRIES", 0)
    with pytest.raises(OperatorError, match="no such container"):
        list(open_blobs(f"{net.url}/none/x", BY_KEY).items())
    with pytest.raises(OperatorError, match="could not be read") as raised:
        list(open_blobs(f"http://127.0.0.1:9/a/c/x?{sas(container)}", {}).items())
    assert "sig=" not in str(raised.value)


def test_many_blobs_are_listed_page_by_page(
    net: Network, container: ContainerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(25):
        container.upload_blob(f"{n:03}", b"x")
    source = open_blobs(address(net, container), BY_KEY)
    listing = type(source._container).list_blobs
    monkeypatch.setattr(
        type(source._container), "list_blobs", lambda *a, **k: listing(*a, results_per_page=10, **k)
    )
    items = source.items()
    next(items)
    assert len(net.requests) == 1
    assert len(list(items)) == 24
    assert len(net.requests) == 3


def test_a_blob_file_is_a_seekable_file(net: Network, container: ContainerClient) -> None:
    content = os.urandom(2 * CHUNK + 1000)
    container.upload_blob("x", content)
    (item,) = open_blobs(address(net, container), BY_KEY).items()
    with item.open() as file:
        assert file.read(16) == content[:16]
        assert file.seek(0) == 0
        assert file.read() == content
        assert len([path for path, _ in net.requests if path.endswith("x")]) == 2
        assert file.seek(0) == 0
        net.requests.clear()
        assert file.read(len(content) + 100) == content
        assert len(net.requests) <= 3
        assert file.seek(-10, io.SEEK_END) == len(content) - 10
        assert file.read() == content[-10:]
        assert file.seek(len(content) + 5) == len(content) + 5
        assert file.read() == b""
        file.seek(10)
        file.seek(5, io.SEEK_CUR)
        assert file.read(5) == content[15:20]
