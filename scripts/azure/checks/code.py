"""The code that goes up with a deployment."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from nsfw_detector.errors import PolicyError
from nsfw_detector.policy import Policy
from scripts.azure.checks.document import Document
from scripts.azure.checks.upload import uploaded_files
from scripts.azure.findings import Finding

PACKAGE = "nsfw_detector/__init__.py"
SERVER_FILES = {"config.json": "settings", "logging.json": "log settings"}
"""Files that the inference server takes for its own where they lie beside the scoring script."""
WEIGHTS = (".bin", ".ckpt", ".h5", ".onnx", ".pt", ".pth", ".safetensors")
LARGE_MIB = 100


def check_code(document: Document) -> Iterator[Finding]:
    """List what would be uploaded, and look for what is missing from it or does not belong."""
    code, script = (document.get(f"code_configuration.{n}") for n in ("code", "scoring_script"))
    if not isinstance(code, str) or not isinstance(script, str):
        yield document.error(
            "code_configuration has no code or no scoring_script",
            "The server would have nothing to run.",
            "code_configuration: {code: .., scoring_script: score.py}.",
        )
        return
    folder = (document.path.parent / code).resolve()
    if not (folder / script).is_file():
        yield document.error(
            f"code_configuration: {folder} has no {script}",
            "The SDK stops before anything is deployed.",
            "`code` is relative to this file's folder.",
        )
        return
    files = uploaded_files(folder)
    size = sum(files.values()) / 2**20
    yield document.ok(f"{len(files)} files of code go up, {size:.1f} MB")
    yield from _check_complete(document, folder, script, files)
    yield from _check_foreign(document, folder, script, files, size)
    yield from _check_policy(document, folder, files)


def _check_complete(
    document: Document, folder: Path, script: str, files: dict[str, int]
) -> Iterator[Finding]:
    wanted = [script]
    if "nsfw_detector" in _imports(folder / script):
        wanted.append(PACKAGE)
    for name in wanted:
        if name not in files:
            yield document.error(
                f"{name} would not be uploaded",
                "The container stops when it starts. Uploads obey .amlignore, or .gitignore where "
                "there is none.",
                f"Let it through in {folder / '.amlignore'}: !/{name}",
            )


def _check_foreign(
    document: Document, folder: Path, script: str, files: dict[str, int], size: float
) -> Iterator[Finding]:
    beside = PurePosixPath(script).parent
    for name, what in SERVER_FILES.items():
        path = (beside / name).as_posix()
        why = f"The inference server reads it as its own {what}"
        if path in files:
            yield document.error(
                f"{path} would be uploaded beside {script}",
                f"{why}, and may not start or may run with other settings.",
                "Move it away. A model's config.json belongs into the model's folder.",
            )
        elif (folder / path).is_file():
            yield document.warning(
                f"{path} lies beside {script}",
                f"{why}. It is not uploaded, but a server on this machine takes it.",
                "Move it away. The workspace's config.json: to .azureml/config.json.",
            )
    weights = [name for name in files if name.endswith(WEIGHTS)]
    if weights:
        yield document.warning(
            f"weights would be uploaded as code: {', '.join(weights[:3])}",
            "Each deployment would carry its own copy, which no registry knows.",
            "Register them as a model (scripts.register_model) and keep them out in .amlignore.",
        )
    if size > LARGE_MIB:
        largest = sorted(files, key=files.__getitem__, reverse=True)[:3]
        yield document.error(
            f"{size:.0f} MB of code would be uploaded",
            f"More than {LARGE_MIB} MB is no code; the largest: {', '.join(largest)}.",
            f"Keep them out in {folder / '.amlignore'}.",
        )


def _check_policy(document: Document, folder: Path, files: dict[str, int]) -> Iterator[Finding]:
    policy = document.variables.get("POLICY_FILE")
    if not policy:
        return
    name = str(policy)
    if name.startswith("/"):
        yield document.warning(
            f"POLICY_FILE is {name}",
            "Whether the image has it cannot be checked here.",
            "Put the policy beside score.py and give its name alone.",
        )
    elif PurePosixPath(name).as_posix() not in files:
        yield document.error(
            f"POLICY_FILE {name} would not be uploaded",
            "The container stops when it starts.",
            f"Let it through in {folder / '.amlignore'}: !/{name}"
            if (folder / name).is_file()
            else f"There is no {folder / name}.",
        )
    else:
        try:
            Policy.load(folder / name)
        except PolicyError as error:
            yield document.error(
                f"POLICY_FILE {name}: {error.message}",
                "The container stops when it starts.",
                "An example: nsfw_detector/default_policy.yml.",
            )


def _imports(script: Path) -> set[str]:
    try:
        tree = ast.parse(script.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):  # the SDK says it better
        return set()
    names = [n.name for node in ast.walk(tree) if isinstance(node, ast.Import) for n in node.names]
    names += [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}
