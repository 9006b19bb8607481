"""One of several shares of the files, so that several machines can work on them."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Self

from scripts.folder_run.name_set import digest


@dataclass(frozen=True, slots=True)
class Shard:
    """One of equal shares of all names; every machine tells the same which name is in which.

    Attributes:
        number: Which share, from 1 on.
        count: How many there are.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `number/count`; the `type` of an argument."""
        try:
            number, count = map(int, text.split("/"))
        except ValueError:
            number, count = 0, 0
        if not 1 <= number <= count:
            raise argparse.ArgumentTypeError(f"{text}: give for instance 2/8, the second of eight")
        return cls(number, count)

    def __contains__(self, name: str) -> bool:
        return int.from_bytes(digest(name), "big") % self.count == self.number - 1


ALL = Shard(1, 1)
"""The only share."""
