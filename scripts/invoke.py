"""Score images at an online endpoint: files, folders, patterns or a list of them.

Examples:
    python -m scripts.invoke photos/ --endpoint my-endpoint
    python -m scripts.invoke 'photos/**/*.png' --endpoint my-endpoint --deployment green
    python -m scripts.invoke photos/ --endpoint my-endpoint --out results.jsonl --resume
    python -m scripts.invoke samples/*.jpg --url http://127.0.0.1:5001/score
    find photos -newer last -print0 | python -m scripts.invoke --from-file - --url ...
    curl -s https://... | python -m scripts.invoke - --endpoint my-endpoint

Every input gets one row, in the order of the inputs, also where it cannot be read or scored. Large
pictures are scaled down before they are sent; `width` and `height` are the original's. Answers of
the kind 429, 5xx or 408 are asked for again, with growing waits.

Exit status: 0 if all were scored; 2 if some rows have errors; 1 if it could not start or go on.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from nsfw_detector.policy import Policy
from scripts.azure.command import run
from scripts.azure.invoking.file_scorer import FileScorer
from scripts.azure.invoking.in_order import in_order
from scripts.azure.invoking.inputs import find_inputs
from scripts.azure.invoking.outputs import Csv, Format, JsonLines, Output, Table, printable
from scripts.azure.invoking.resume import finished_files
from scripts.azure.invoking.rows import Row
from scripts.azure.scoring.client import ScoringClient, connect_endpoint
from scripts.azure.workspace import add_workspace_arguments, find_workspace, open_workspace
from scripts.command import new_parser, number, whole_number
from scripts.errors import OperatorError

WIDEST_NAME = 60
SOME_FAILED = 2


def main() -> int:
    """Score the images that the command line names; returns the exit status."""
    arguments = _parser().parse_args()
    kind = _format(arguments)
    files = find_inputs(arguments.inputs, arguments.from_file)
    options = {"policy": Policy.load(arguments.policy).model_dump()} if arguments.policy else {}
    done = finished_files(arguments.out) if arguments.resume else set()
    left = [file for file in files if file not in done]
    if done:
        print(f"{len(files) - len(left)} of {len(files)} were done before.", file=sys.stderr)
    with closing(_client(arguments)) as client, _opened(arguments) as stream:
        output = _output(kind, stream, left)
        rows = in_order(
            FileScorer(client, options, arguments.original), left, arguments.concurrency
        )
        return _write(rows, output, len(left))


def _write(rows: Iterator[Row], output: Output, total: int) -> int:
    """Write the rows as they come; returns the exit status."""
    decisions: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    size = sent = 0
    started = time.monotonic()
    with tqdm(total=total, unit=" images", disable=None, file=sys.stderr, leave=False) as bar:
        try:
            for row in rows:
                with tqdm.external_write_mode(sys.stdout):
                    output.write(row)
                if "error" in row:
                    errors[row["error"]["code"]] += 1
                    bar.set_postfix(errors=errors.total(), refresh=False)
                else:
                    decisions[row["decision"]] += 1
                size, sent = size + row.get("bytes", 0), sent + row.get("bytes_sent", 0)
                bar.update()
        finally:
            output.finish()
    seconds = time.monotonic() - started
    count = decisions.total() + errors.total()
    print(
        f"{_number(count, 'image')} in {seconds:.1f} s: {_told(decisions)}"
        f"{_number(errors.total(), 'error')}{f' ({_told(errors)[:-2]})' if errors else ''}. "
        f"Sent {sent / 1e6:.1f} MB of {size / 1e6:.1f} MB.",
        file=sys.stderr,
    )
    return SOME_FAILED if errors else 0


def _told(counts: Counter[str]) -> str:
    return "".join(f"{number} {name}, " for name, number in counts.most_common())


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _client(arguments: argparse.Namespace) -> ScoringClient:
    if arguments.url:
        return ScoringClient(arguments.url, timeout=arguments.timeout)
    workspace = find_workspace(arguments)
    return connect_endpoint(
        open_workspace(workspace), arguments.endpoint, arguments.deployment, arguments.timeout
    )


def _format(arguments: argparse.Namespace) -> Format:
    """Choose the format, and refuse to overwrite results."""
    output: Path | None = arguments.out
    by_suffix: Format = "csv" if output and output.suffix == ".csv" else "jsonl"
    by_place: Format = by_suffix if output or not sys.stdout.isatty() else "table"
    kind: Format = arguments.format or by_place
    if arguments.resume and (output is None or kind != "jsonl"):
        raise OperatorError(
            "--resume needs earlier results, as JSON lines.",
            "Add --out FILE.jsonl; it need not exist yet.",
        )
    if output and output.exists() and not arguments.resume:
        raise OperatorError(
            f"{output} is there already.",
            "Add --resume to score what is not in it yet, or give another name.",
        )
    return kind


@contextmanager
def _opened(arguments: argparse.Namespace) -> Iterator[TextIO]:
    if arguments.out is None:
        yield sys.stdout
        return
    try:
        # Names of files that are not valid text keep their bytes.
        with arguments.out.open(
            "a", encoding="utf-8", errors="surrogateescape", newline=""
        ) as stream:
            yield stream
    except OSError as error:
        raise OperatorError(
            f"{arguments.out} cannot be written: {error.strerror}.", "Give another --out."
        ) from None


def _output(kind: Format, stream: TextIO, files: Sequence[str]) -> Output:
    if kind == "table":
        longest = max((len(printable(file)) for file in files), default=0)
        return Table(stream, min(longest, WIDEST_NAME))
    return Csv(stream) if kind == "csv" else JsonLines(stream)


def _parser() -> argparse.ArgumentParser:
    parser = new_parser(__doc__, changes=False)
    parser.add_argument(
        "inputs",
        nargs="*",
        metavar="INPUT",
        help="file, folder, pattern in quotes, or - for one image on standard input; put -- before "
        "names that begin with a dash",
    )
    parser.add_argument(
        "--from-file", metavar="LIST", help="file with more names, by line or NUL; - is stdin"
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("-e", "--endpoint", metavar="NAME", help="online endpoint of the workspace")
    where.add_argument("--url", help="of a server that asks for no key")
    parser.add_argument("-d", "--deployment", metavar="NAME", help="default: as traffic goes")
    parser.add_argument("--policy", type=Path, metavar="YAML", help="instead of the endpoint's")
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="default: stdout")
    parser.add_argument(
        "--format",
        choices=("table", "jsonl", "csv"),
        help="default: table on a terminal, else by the suffix of FILE, else jsonl",
    )
    parser.add_argument(
        "--resume", action="store_true", help="skip what has a result in FILE; append the rest"
    )
    parser.add_argument(
        "--concurrency",
        type=whole_number(1, 64),
        default=8,
        metavar="N",
        help="requests at once (8)",
    )
    parser.add_argument(
        "--timeout",
        type=number(1),
        default=60,
        metavar="S",
        help="seconds for one image in all (60)",
    )
    parser.add_argument(
        "--original", action="store_true", help="send the files as they are, however large"
    )
    add_workspace_arguments(parser)
    return parser


if __name__ == "__main__":
    run(main)
