"""The quantisation tools of ONNX Runtime: static quantisation with QuantizeLinear and DequantizeLinear, and MatMulNBits. See serve.py."""

import os
import time

import numpy
import onnx
import onnxruntime
from onnxruntime import quantization
from samples import read_features, score


class Batches(quantization.CalibrationDataReader):
    """Calibration samples in the batches that a file with a fixed batch takes; what is left over is not used."""

    def __init__(self, features, value):
        batch = value.shape[0]
        whole = len(features) // batch * batch
        self._batches = iter(
            [{value.name: features[at : at + batch].reshape(value.shape)} for at in range(0, whole, batch)]
        )

    def get_next(self):
        return next(self._batches, None)


class OnnxRuntimeQuantization:
    def __init__(self, threads):
        self.version = f"onnxruntime {onnxruntime.__version__}"
        self._options = onnxruntime.SessionOptions()
        self._options.intra_op_num_threads = threads
        self._options.log_severity_level = 3

    def quantize_static(self, model, output, calibration, method="MinMax"):
        """Weights int8 per channel, activations uint8, by the ranges of the calibration samples."""
        value = self._session(model).get_inputs()[0]
        reader = Batches(read_features(calibration), value)
        start = time.process_time()
        quantization.quantize_static(
            model,
            output,
            reader,
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            weight_type=quantization.QuantType.QInt8,
            activation_type=quantization.QuantType.QUInt8,
            calibrate_method=quantization.CalibrationMethod[method],
        )
        return {"cpuSeconds": time.process_time() - start, "bytes": os.path.getsize(output)}

    def quantize_weights_to_4_bits(self, model, output, block=32):
        """Kernels of matrix products in blocks of 4-bit codes (MatMulNBits), activations float32."""
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

        start = time.process_time()
        # It knows MatMul alone.
        quantizer = MatMulNBitsQuantizer(split_gemm(onnx.load(model)), block_size=block, is_symmetric=True)
        quantizer.process()
        quantizer.model.save_model_to_file(output)
        return {"cpuSeconds": time.process_time() - start, "bytes": os.path.getsize(output)}

    def evaluate(self, model, features, labels):
        session = self._session(model)
        value = session.get_inputs()[0]
        batch = value.shape[0]
        samples = read_features(features)
        if len(samples) % batch != 0:
            raise ValueError(f"{len(samples)} samples are no whole number of batches of {batch}")
        logits = [
            session.run(None, {value.name: samples[at : at + batch].reshape(value.shape)})[0]
            for at in range(0, len(samples), batch)
        ]
        return score(numpy.concatenate(logits), labels)

    def _session(self, model):
        return onnxruntime.InferenceSession(model, self._options, providers=["CPUExecutionProvider"])


def split_gemm(model):
    """Gemm as MatMul and Add, where that is the same."""
    graph = model.graph
    nodes = []
    for node in graph.node:
        attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        plain = all(attributes.get(name, usual) == usual for name, usual in
                    {"transA": 0, "transB": 0, "alpha": 1.0, "beta": 1.0}.items())
        if node.op_type != "Gemm" or not plain:
            nodes.append(node)
            continue
        product = f"{node.output[0]} product"
        bias = list(node.input[2:])
        nodes.append(onnx.helper.make_node("MatMul", node.input[:2], [product if bias else node.output[0]], product))
        if bias:
            nodes.append(onnx.helper.make_node("Add", [product, *bias], [node.output[0]]))
    del graph.node[:]
    graph.node.extend(nodes)
    return model
