from __future__ import annotations

import tracemalloc

from scripts.folder_run.name_set import SIZE, NameSet, digest


def test_it_holds_what_it_was_given_and_nothing_else() -> None:
    names = [f"a/{n}.jpg" for n in range(10_000)]
    known = NameSet(iter(names))
    assert len(known) == len(names)
    assert all(name in known for name in names)
    assert not any(f"b/{n}.jpg" in known for n in range(10_000))
    assert "a" not in NameSet([])


def test_digests_that_end_in_zero_bytes_are_told_apart() -> None:
    zero = next(n for n in map(str, range(100_000)) if digest(n).endswith(b"\0"))
    others = [str(n) for n in range(100) if str(n) != zero]
    assert zero in NameSet([zero, *others])
    assert zero not in NameSet(others)


def test_memory_for_each_name() -> None:
    count = 100_000
    tracemalloc.start()
    known = NameSet(f"some/long/folder/for/this/image-{n}.jpg" for n in range(count))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(known) == count
    assert held < 2 * SIZE * count
