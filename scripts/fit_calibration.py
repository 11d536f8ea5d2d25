"""Fits the step times of an engine to the published measurements of the `fit` side and writes them into `catalog/calibration`.

`python scripts/fit_calibration.py [ENGINE ...]` shows what would be stated, the same each time; with `--write` it goes into the file.
"""

import argparse
import os
from collections.abc import Callable, Mapping
from typing import Final

os.environ.setdefault("OMP_NUM_THREADS", "1")  # many small fits: threads only get in each other's way

from fit_step_time import llama_cpp, vllm

ENGINES: Final[Mapping[str, Callable[[bool], str]]] = {"vllm": vllm.run, "llama.cpp": llama_cpp.run}


def main() -> None:
    """Fit the engines that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engines", nargs="*", choices=[*ENGINES, []], metavar="ENGINE", help=", ".join(ENGINES))
    parser.add_argument("--write", action="store_true", help="write catalog/calibration/ENGINE.yaml")
    asked = parser.parse_args()
    for engine in asked.engines or ENGINES:
        print(ENGINES[engine](asked.write))


if __name__ == "__main__":
    main()
