"""Compiles circuits with one native compiler for another program; how they talk is in ../answer_calls.py.

    python serve.py qiskit
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from answer_calls import answer_calls  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("compiler")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    # Read when the libraries are loaded: Rayon's pool (Qiskit's trials) and Qiskit's own processes.
    os.environ["RAYON_NUM_THREADS"] = str(arguments.threads)
    os.environ["QISKIT_PARALLEL"] = "FALSE"

    def make_compiler():
        from compilers import COMPILERS

        return COMPILERS[arguments.compiler]()

    answer_calls(make_compiler)


if __name__ == "__main__":
    main()
