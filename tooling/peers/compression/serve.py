"""Runs one compression tool for another program; how they talk is in ../answer_calls.py.

    python serve.py onnxruntime --threads 1
"""

import argparse
import contextlib
import importlib
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from answer_calls import answer_calls  # noqa: E402

# Module and class; a module is imported only when its tool is asked for.
PEERS = {
    "ai-edge-quantizer": ("ai_edge_quantization", "AiEdgeQuantization"),
    "brevitas": ("brevitas_quantization", "BrevitasQuantization"),
    "nncf": ("nncf_quantization", "NncfQuantization"),
    "onnxruntime": ("onnxruntime_quantization", "OnnxRuntimeQuantization"),
    "tensorflow": ("tensorflow_optimization", "TensorflowOptimization"),
    "torch-pruning": ("torch_pruning_channels", "TorchPruning"),
    "torchao": ("torchao_quantization", "TorchaoQuantization"),
}


class Quiet:
    """What a tool prints goes to standard error: standard output carries the answers."""

    def __init__(self, peer):
        self._peer = peer
        self.version = peer.version

    def __getattr__(self, name):
        method = getattr(self._peer, name)

        def call(**arguments):
            with contextlib.redirect_stdout(sys.stderr):
                return method(**arguments)

        return call


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    # OpenMP reads it when the first library that uses it is loaded.
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)

    def make_peer():
        module, name = PEERS[arguments.peer]
        with contextlib.redirect_stdout(sys.stderr):
            return Quiet(getattr(importlib.import_module(module), name)(arguments.threads))

    answer_calls(make_peer)


if __name__ == "__main__":
    main()
