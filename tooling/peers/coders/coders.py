"""Adapters of native coders of integer codes to one interface, for `serve.py`.

`measure` takes a row-major matrix of int8 codes as base64 and gives the bytes of the shortest stream and how it was made:

    {"bytes", "setting", "encodeMs"}
"""

import base64
import glob
import importlib.util
import site
import time

import numpy


class Nnc:
    """DeepCABAC of `nncodec`. Only its extension is loaded: the package itself would import torch."""

    def __init__(self):
        from importlib.metadata import version

        folders = site.getsitepackages()
        files = [file for folder in folders for file in glob.glob(f"{folder}/nncodec/extensions/deepCABAC*.so")]
        if not files:
            raise ImportError("nncodec is not installed")
        spec = importlib.util.spec_from_file_location("deepCABAC", files[0])
        self.coder = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.coder)
        self.version = f"nncodec {version('nncodec')}"

    def stream(self, codes, unary, optimised):
        encoder = self.coder.Encoder()
        encoder.initCtxModels(unary, optimised)
        matrix = numpy.ascontiguousarray(codes, dtype=numpy.int32)
        rows = numpy.zeros(matrix.shape[0], dtype=numpy.int32)
        modes = self.coder.HdspMode
        off = modes.AlwaysOff if hasattr(modes, "AlwaysOff") else list(modes.__members__.values())[0]
        encoder.encodeLayer(matrix, 0, 0, 0, 0, 0, rows, off, numpy.zeros(0, dtype=numpy.int8), 0, 0)
        return encoder.finish()

    def measure(self, codes, rows, columns):
        matrix = numpy.frombuffer(base64.b64decode(codes), dtype=numpy.int8).reshape(rows, columns)
        largest = max(1, int(numpy.abs(matrix.astype(int)).max()))
        best = None
        for by_columns in (False, True):
            for optimised in (0, 1):
                for unary in sorted({1, 2, min(10, largest), 10}):
                    start = time.perf_counter()
                    size = self.stream(matrix.T if by_columns else matrix, unary, optimised).size
                    record = {
                        "bytes": int(size),
                        "setting": {"byColumns": by_columns, "optimised": optimised, "unary": unary},
                        "encodeMs": 1000 * (time.perf_counter() - start),
                    }
                    if best is None or size < best["bytes"]:
                        best = record
        return best


CODERS = {"nnc": Nnc}
