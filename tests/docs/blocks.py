"""The examples of a page in docs/, and checks that they could be run as they stand."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import pytest

from scripts.paths import ROOT

FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
OURS = re.compile(r"python -m ((?:scripts|components|benchmarks)[\w.]*)(.*)")
FILE = re.compile(
    r"(?<![\w/])(?:deployments|endpoints|environment|compute|components|samples|models|scripts|tests)/[\w./-]+"
)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the documentation.

    Attributes:
        text: All of it.
        blocks: Language and content of each fenced block.
    """

    text: str
    blocks: list[tuple[str, str]]

    @classmethod
    def read(cls, name: str) -> Page:
        """Read a page of docs/."""
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        return cls(text, FENCE.findall(text))

    def of(self, language: str) -> list[str]:
        """The blocks in one language."""
        return [block for found, block in self.blocks if found == language]

    @property
    def commands(self) -> list[str]:
        """Every shell command, each on one line: in blocks, in CI's steps, and in the text."""
        lines = "\n".join(self.of("bash")).replace("\\\n", " ").splitlines()
        steps = re.findall(r"- run: (.+)", "\n".join(self.of("yaml")))
        prose = FENCE.sub("", self.text)
        inline = re.findall(r"`((?:\.venv\S*/)?(?:python -m|make) [^`]+)`", prose)
        return [c for c in [*lines, *steps, *(" ".join(i.split()) for i in inline)] if c.strip()]

    @property
    def files(self) -> set[str]:
        """Files and folders of this repository that it names."""
        return {found.rstrip("./") for found in FILE.findall(self.text)}

    @property
    def links(self) -> list[str]:
        """What it links to in this repository."""
        return re.findall(r"\]\((?!https?:)([^)]+)\)", self.text)


class ParsedError(Exception):
    """A command line was understood."""


def check_command(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that a command exists, and that it takes these arguments."""
    if found := OURS.search(command):
        _check_arguments(found[1], found[2], monkeypatch)
    elif found := re.match(r"make (\w+)", command):
        assert re.search(rf"^{found[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), command


def _check_arguments(module: str, rest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rest = re.split(r" [|>&#] ?|\)$", re.sub(r"\$\{\{.*?\}\}", "VALUE", rest))[0]
    arguments = shlex.split(rest)
    parse = argparse.ArgumentParser.parse_known_args

    def parse_only(self: argparse.ArgumentParser, *_: Any, **__: Any) -> NoReturn:
        unknown = parse(self, arguments)[1]
        assert not unknown, f"{module} does not know {unknown}"
        raise ParsedError

    with monkeypatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_known_args", parse_only)
        patch.setattr(sys, "argv", [module, *arguments])
        with pytest.raises(ParsedError):
            importlib.import_module(module).main()


def check_shown(shown: str, output: str) -> None:
    """Check that output is what a page shows, but for numbers; `...` stands for lines left out."""
    lines = iter(map(_plain, output.splitlines()))
    for line in shown.splitlines():
        if line.strip() and line.strip() != "...":
            assert _plain(line) in lines, f"not in the output, or not in this order: {line}"


def _plain(line: str) -> str:
    line = re.sub(r"\x1b\[\d*m", "", line)
    line = re.sub(r"\b[0-9a-f]{12,}\b", "#", line)
    return " ".join(re.sub(r"\d+(?:[.,:]\d+)*", "#", line).split())


def shown_commands(page: Page) -> list[tuple[str, str]]:
    """The shell blocks that are followed by what they print, each with that."""
    return [
        (command, shown)
        for (language, command), (after, shown) in pairwise(page.blocks)
        if (language, after) == ("bash", "text")
    ]


def anchor(heading: str) -> str:
    """The name by which GitHub links to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def check_link(page: Path, link: str) -> None:
    """Check that a link leads to a file, and to a heading of it."""
    name, _, fragment = link.partition("#")
    target = page.parent / name if name else page
    assert target.exists(), link
    if fragment:
        headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        assert fragment in map(anchor, headings), link
