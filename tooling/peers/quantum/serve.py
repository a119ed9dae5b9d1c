"""Runs one native simulator for another program; how they talk is in ../answer_calls.py.

    python serve.py qsim --threads 2 --option variant=avx2
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from answer_calls import answer_calls  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("simulator")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    # OpenMP reads it when the first library that uses it is loaded.
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)

    def make_simulator():
        from simulators import SIMULATORS

        options = dict(option.split("=", 1) for option in arguments.option)
        return SIMULATORS[arguments.simulator](arguments.threads, **options)

    answer_calls(make_simulator)


if __name__ == "__main__":
    main()
