"""Runs one native simulator for another program: a request per line of standard input, an answer per line of standard output, as JSON.

    python serve.py qsim --threads 2 --variant avx2

A request is {"call": method, ...arguments}; the answer {"value": ...} or {"error": text}. The first line written is
{"version": text}, or {"error": text} when the simulator is not installed. The process ends with its standard input.
"""

import argparse
import json
import os
import sys


def answer(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("simulator")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
    arguments = parser.parse_args()
    # OpenMP reads it when the first library that uses it is loaded.
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    try:
        from simulators import SIMULATORS

        options = dict(option.split("=", 1) for option in arguments.option)
        simulator = SIMULATORS[arguments.simulator](arguments.threads, **options)
    except Exception as error:  # noqa: BLE001  (whatever it is, the other program is told)
        answer({"error": f"{type(error).__name__}: {error}"})
        return
    answer({"version": simulator.version})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer({"value": getattr(simulator, request.pop("call"))(**request)})
        except Exception as error:  # noqa: BLE001
            answer({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
