"""Quantisation-aware training by Brevitas, written as ONNX with QuantizeLinear and DequantizeLinear. See serve.py."""

import os
import time
import warnings

warnings.filterwarnings("ignore")

import brevitas  # noqa: E402
import brevitas.nn  # noqa: E402
import torch  # noqa: E402
import torch_network  # noqa: E402
from brevitas.export import export_onnx_qcdq  # noqa: E402
from brevitas.quant import Int8WeightPerChannelFloat, Uint8ActPerTensorFloat  # noqa: E402


class BrevitasQuantization:
    def __init__(self, threads):
        torch.set_num_threads(threads)
        self.version = f"brevitas {brevitas.__version__}, torch {torch.__version__}"

    def train_quantized(self, weights, output, features, labels, training, bits, batch, seed):
        """Trained through codes: weights per channel, uint8 activations with learned scales. The file takes `batch` samples.

        `training` is as in torch_network.train.
        """
        torch.manual_seed(seed)
        network = torch_network.read_network(weights)
        start = time.process_time()
        aware = prepare(network, bits)
        torch_network.train(aware, features, labels, training, seed)
        aware.eval()
        export_onnx_qcdq(aware, torch.zeros(batch, network[0].in_features), export_path=output, dynamo=False)
        cpu_seconds = time.process_time() - start
        packed = sum(
            -(-layer.weight.numel() * bits // 8) + 8 * layer.out_features
            for layer in aware
            if isinstance(layer, brevitas.nn.QuantLinear)
        )
        # And a scale for each activation.
        packed += 4 * sum(isinstance(layer, torch.nn.Linear) for layer in network)
        return {"cpuSeconds": cpu_seconds, "packedBytes": packed, "bytes": os.path.getsize(output)}


def prepare(network, bits):
    """The network with coded inputs, weights and hidden values, and float32 outputs."""
    modules = [brevitas.nn.QuantIdentity(act_quant=Uint8ActPerTensorFloat)]
    for layer in network:
        if not isinstance(layer, torch.nn.Linear):
            modules.append(brevitas.nn.QuantReLU(act_quant=Uint8ActPerTensorFloat))
            continue
        quantized = brevitas.nn.QuantLinear(
            layer.in_features,
            layer.out_features,
            bias=True,
            weight_quant=Int8WeightPerChannelFloat,
            weight_bit_width=bits,
        )
        quantized.load_state_dict(layer.state_dict(), strict=False)
        modules.append(quantized)
    return torch.nn.Sequential(*modules)
