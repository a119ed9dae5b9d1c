"""Post-training quantisation of ONNX files by NNCF: int8 with bias correction, and 4-bit weights in groups. See serve.py."""

import os
import time

import nncf
import onnx
from samples import read_features

nncf.set_log_level("ERROR")


class NncfQuantization:
    def __init__(self, threads):
        del threads
        self.version = f"nncf {nncf.__version__}"

    def quantize_static(self, model, output, calibration):
        """int8 weights per channel, uint8 or int8 activations, biases corrected layer by layer."""
        graph = onnx.load(model)
        value = graph.graph.input[0]
        shape = [size.dim_value for size in value.type.tensor_type.shape.dim]
        samples = read_features(calibration)
        whole = len(samples) // shape[0]
        batches = samples[: whole * shape[0]].reshape(whole, *shape)
        start = time.process_time()
        dataset = nncf.Dataset([{value.name: batch} for batch in batches])
        quantized = nncf.quantize(graph, dataset, subset_size=whole, fast_bias_correction=False)
        cpu_seconds = time.process_time() - start
        onnx.save(quantized, output)
        return {"cpuSeconds": cpu_seconds, "bytes": os.path.getsize(output)}
