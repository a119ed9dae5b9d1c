"""Quantisation of TensorFlow Lite files by the AI Edge Quantizer. See serve.py."""

import os
import time
from importlib.metadata import version

import numpy
from ai_edge_litert.interpreter import Interpreter
from ai_edge_quantizer import quantizer, recipe
from samples import read_features, score


class AiEdgeQuantization:
    def __init__(self, threads):
        self.version = f"ai-edge-quantizer {version('ai-edge-quantizer')}"
        self._threads = threads

    def quantize_static(self, model, output, calibration):
        """int8 weights per channel, int8 activations."""
        interpreter = Interpreter(model_path=model)
        (signature, names), *_ = interpreter.get_signature_list().items()
        name = names["inputs"][0]
        samples = [{name: sample[None]} for sample in read_features(calibration)]
        start = time.process_time()
        tool = quantizer.Quantizer(model)
        tool.load_quantization_recipe(recipe.static_wi8_ai8())
        tool.quantize(tool.calibrate({signature: samples})).export_model(output, overwrite=True)
        return {"cpuSeconds": time.process_time() - start, "bytes": os.path.getsize(output)}

    def quantize_weights_to_4_bits(self, model, output):
        """4-bit weights per output channel, activations int8 by their range at run time."""
        start = time.process_time()
        tool = quantizer.Quantizer(model)
        tool.load_quantization_recipe(recipe.dynamic_wi4c_afp32())
        tool.quantize().export_model(output, overwrite=True)
        return {"cpuSeconds": time.process_time() - start, "bytes": os.path.getsize(output)}

    def evaluate(self, model, features, labels):
        interpreter = Interpreter(model_path=model, num_threads=self._threads)
        samples = read_features(features)
        source, sink = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        interpreter.resize_tensor_input(source["index"], samples.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(source["index"], encode(samples, source))
        interpreter.invoke()
        return score(interpreter.get_tensor(sink["index"]), labels)


def encode(samples, tensor):
    """Samples as the input of a file takes them: codes, where it has a scale."""
    if tensor["dtype"] == numpy.float32:
        return samples
    scale, zero_point = tensor["quantization"]
    limits = numpy.iinfo(tensor["dtype"])
    return numpy.clip(numpy.round(samples / scale) + zero_point, limits.min, limits.max).astype(tensor["dtype"])
