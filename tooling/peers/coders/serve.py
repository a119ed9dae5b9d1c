"""Codes matrices with one native coder for another program; how they talk is in ../answer_calls.py.

    python serve.py nnc
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from answer_calls import answer_calls  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("coder")
    arguments = parser.parse_args()

    def make_coder():
        from coders import CODERS

        return CODERS[arguments.coder]()

    answer_calls(make_coder)


if __name__ == "__main__":
    main()
