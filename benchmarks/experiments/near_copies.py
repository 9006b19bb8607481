"""Do embeddings tell near-copies from other pictures, and from which threshold on?

Pictures are those of samples/ and drawn ones, all different. Of some of them, copies are made as
people make them. Each way to compare two embeddings is judged by the cosines of copies and of
different pictures, and the component near_duplicates by whom it takes for a copy. Of random weights
(scripts.random_checkpoint) the figures say how the method works on embeddings of another kind, and
nothing of the real model.

Example:
    python -m benchmarks.experiments.near_copies models/demo
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance

from components.near_duplicates.entry import THRESHOLD, near_copies
from components.near_duplicates.whitening import whiten
from nsfw_detector import Detector
from nsfw_detector.errors import DetectorError
from nsfw_detector.images import ImageLimits, decode
from nsfw_detector.settings import Settings
from scripts.command import new_parser, whole_number
from scripts.demo_images import example
from scripts.paths import SAMPLES

Vectors = NDArray[np.float32]
SEED = 40_000_000
"""Of the pictures drawn; neither the training's nor that of another experiment."""
BATCH = 64
SHRINKAGES = (None, 0.1, 0.03, 0.01)
SIZES = (20, 100, 500, 2000)


def pictures(count: int) -> Iterator[Image.Image]:
    """Give the sample photos, then as many drawn pictures as make `count` of all."""
    defaults = Settings()
    limits = ImageLimits(defaults.max_image_bytes, defaults.max_image_pixels, max_frames=1)
    photos = [p for p in sorted(SAMPLES.iterdir()) if p.suffix in (".jpg", ".png", ".webp")]
    for path in photos[:count]:
        yield decode(path.read_bytes(), limits).frames[0].image
    for index in range(count - len(photos)):
        yield example(SEED, index).image


def _resized(image: Image.Image) -> Image.Image:
    return image.resize((max(1, image.width // 2), max(1, image.height // 2)))


def _compressed(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def _cropped(image: Image.Image, share: float) -> Image.Image:
    """Without a share of each side, more of it at the left and at the bottom."""
    w, h = image.width * share, image.height * share
    return image.crop((round(w), round(h / 2), round(image.width - w / 2), round(image.height - h)))


def _with_logo(image: Image.Image) -> Image.Image:
    image, w, h = image.copy(), image.width, image.height
    box = (0.88 * w, 0.02 * h, 0.98 * w, 0.02 * h + 0.1 * w)
    ImageDraw.Draw(image).ellipse(box, fill="white")
    return image


def _with_caption(image: Image.Image) -> Image.Image:
    image = image.copy()
    box = (0, int(0.93 * image.height), image.width, image.height)
    ImageDraw.Draw(image).rectangle(box, fill="black")
    return image


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half the size": _resized,
    "JPEG, quality 60": lambda image: _compressed(image, 60),
    "JPEG, quality 30": lambda image: _compressed(image, 30),
    "cropped by 3 %": lambda image: _cropped(image, 0.02),
    "cropped by 7.5 %": lambda image: _cropped(image, 0.05),
    "15 % brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "with a logo": _with_logo,
    "with a caption bar": _with_caption,
}


def embed(detector: Detector, images: Sequence[Image.Image]) -> Vectors:
    """Embed, as float16 and back like the rows of a batch job: (images, features), length 1."""
    vectors = []
    for start in range(0, len(images), BATCH):
        for result in detector.embed(images[start : start + BATCH], normalize=True):
            assert not isinstance(result, DetectorError)
            vectors.append(result.vector.astype(np.float16).astype(np.float32))
    return unit(np.stack(vectors))


def unit(vectors: Vectors) -> Vectors:
    """Bring vectors to length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def _whitened(shrinkage: float | None) -> Callable[[Vectors], Vectors]:
    def prepare(vectors: Vectors) -> Vectors:
        vectors = vectors.copy()
        whiten(vectors, shrinkage)
        return vectors

    return prepare


SPACES: dict[str, Callable[[Vectors], Vectors]] = {
    "as they are": lambda vectors: vectors,
    "centred": lambda vectors: unit(vectors - vectors.mean(axis=0)),
    **{f"whitened, shrinkage {s or 'as in the component'}": _whitened(s) for s in SHRINKAGES},
}


def compare_spaces(originals: Vectors, copies: dict[str, Vectors]) -> None:
    """Print the cosines of different pictures and of copies, and what a threshold makes of them."""
    print(
        "\n| embeddings | different: half below | 99 % | 99.99 % | copies: a tenth below | half "
        f"| different, share from {THRESHOLD} | copies, share from {THRESHOLD} |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    rng = np.random.default_rng(0)
    n_edited = len(next(iter(copies.values())))
    of = rng.integers(len(copies), size=n_edited)
    made = np.stack([list(copies.values())[edit][i] for i, edit in enumerate(of)])
    for name, prepare in SPACES.items():
        vectors = prepare(np.concatenate([originals, made]))
        n = len(originals)
        cosines = (vectors[:n] @ vectors[:n].T)[np.triu_indices(n, 1)]
        same = (vectors[n:] * vectors[:n_edited]).sum(axis=1)
        cells = [*np.quantile(cosines, [0.5, 0.99, 0.9999]), *np.quantile(same, [0.1, 0.5])]
        shares = f"{(cosines >= THRESHOLD).mean():.1e} | {(same >= THRESHOLD).mean():.2f}"
        print(f"| {name} | {' | '.join(f'{cell:.3f}' for cell in cells)} | {shares} |")


def judge(originals: Vectors, copies: Vectors) -> tuple[float, float]:
    """Let the component find copies of the first of the originals among all.

    Returns:
        Recall: copies that are grouped with their original. Precision: images that are grouped with
        another that is kept and show the same picture as that; NaN if there are none.
    """
    owners = np.concatenate([np.arange(len(originals)), np.arange(len(copies))])
    keepers, _, _ = near_copies(np.concatenate([originals, copies]), THRESHOLD)
    n = len(originals)
    marked = keepers != np.arange(len(keepers))
    right = owners[keepers] == owners
    recall = float((keepers[n:] == keepers[: len(copies)]).mean())
    return recall, float(right[marked].mean()) if marked.any() else float("nan")


def _mean(values: NDArray[np.float64]) -> float:
    """The mean of those that are numbers."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def judge_component(originals: Vectors, copies: dict[str, Vectors]) -> None:
    """Print recall and precision by kind of copy and by number of pictures; a tenth has a copy."""
    sizes = [size for size in SIZES if size <= len(originals)]
    print(f"\n| recall (precision) | {' | '.join(f'{size:,} pictures' for size in sizes)} |")
    print(f"| --- |{' ---: |' * len(sizes)}")
    for name, made in copies.items():
        cells = []
        for size in sizes:
            found = []  # of small sets, several
            edited = min(size // 10, len(made))
            for i in range(min(len(made) // edited, len(originals) // size, 20)):
                own = np.arange(i * edited, (i + 1) * edited)
                others = np.roll(np.setdiff1d(np.arange(len(originals)), own), -i * size)
                chosen = originals[np.concatenate([own, others[: size - edited]])]
                found.append(judge(chosen, made[own]))
            recall, precision = np.array(found)[:, 0].mean(), _mean(np.array(found)[:, 1])
            cells.append(f"{recall:.2f} ({precision:.2f})")
        print(f"| {name} | {' | '.join(cells)} |")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, embed, compare."""
    parser = new_parser(__doc__, changes=False)
    parser.add_argument("model", type=Path, help="model folder")
    parser.add_argument(
        "--pictures", type=whole_number(20), default=2000, help="all (default: %(default)s)"
    )
    parser.add_argument(
        "--edited",
        type=whole_number(2),
        default=200,
        help="of them, those that copies are made of (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    detector = Detector.load(options.model)
    images = list(pictures(options.pictures))
    originals = embed(detector, images)
    some = images[: options.edited]
    copies = {name: embed(detector, [edit(i) for i in some]) for name, edit in EDITS.items()}
    print(f"{len(images):,} pictures, copies of {len(some):,}, {detector.info.engine}")
    compare_spaces(originals, copies)
    judge_component(originals, copies)


if __name__ == "__main__":
    main()
