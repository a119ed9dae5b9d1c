"""A native program behind standard input and output: a request per line, {"call": method, ...arguments}; an answer per line,
{"value": ...} or {"error": text}, as JSON. The first line written is {"version": text}, or {"error": text} when the program is not
installed. Ends with standard input.
"""

import json
import sys


def answer(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def answer_calls(make_peer):
    """Serves the methods of what `make_peer` returns, an object with a `version`."""
    try:
        peer = make_peer()
    except Exception as error:  # noqa: BLE001  (whatever it is, the other program is told)
        answer({"error": f"{type(error).__name__}: {error}"})
        return
    answer({"version": peer.version})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer({"value": getattr(peer, request.pop("call"))(**request)})
        except Exception as error:  # noqa: BLE001
            answer({"error": f"{type(error).__name__}: {error}"})
