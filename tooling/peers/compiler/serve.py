"""Compiles circuits with one native compiler for another program: a request per line of standard input, an answer per line of standard
output, as JSON.

    python serve.py qiskit

A request is {"call": "compile", ...arguments}; the answer {"value": ...} or {"error": text}. The first line written is
{"version": text}, or {"error": text} when the compiler is not installed. The process ends with its standard input.
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
    parser.add_argument("compiler")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    # Read when the libraries are loaded: Rayon's pool (Qiskit's trials) and Qiskit's own processes.
    os.environ["RAYON_NUM_THREADS"] = str(arguments.threads)
    os.environ["QISKIT_PARALLEL"] = "FALSE"
    try:
        from compilers import COMPILERS

        compiler = COMPILERS[arguments.compiler]()
    except Exception as error:  # noqa: BLE001  (whatever it is, the other program is told)
        answer({"error": f"{type(error).__name__}: {error}"})
        return
    answer({"version": compiler.version})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer({"value": getattr(compiler, request.pop("call"))(**request)})
        except Exception as error:  # noqa: BLE001
            answer({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
