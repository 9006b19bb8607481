"""What a person runs. Each script answers `--help` with an example."""

import sys
from types import TracebackType

ENVIRONMENTS = """\
This environment has no {name}. Which one to use:
  on Azure, scripts.score_folder       make azure             .venv/bin/python -m scripts...
  scripts.optimise, .train_demo        make .venv-dev/ready   .venv-dev/bin/python -m scripts..."""

_usual = sys.excepthook


def _say_which_environment(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing is None or missing.startswith(("scripts", "nsfw_detector")):
        _usual(kind, error, trace)
    else:
        print(ENVIRONMENTS.format(name=missing), file=sys.stderr)


sys.excepthook = _say_which_environment
