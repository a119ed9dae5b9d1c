"""torchao: int8 after training, 4-bit weights in groups, and quantisation-aware training. See serve.py."""

import time

import torch
import torch_network
import torchao
from samples import read_features
from torchao.quantization import (
    Int8DynamicActivationIntxWeightConfig,
    Int8StaticActivationInt8WeightConfig,
    IntxWeightOnlyConfig,
    PerAxis,
    PerGroup,
    PerRow,
    PerTensor,
    quantize_,
)
from torchao.quantization.qat import QATConfig
from torchao.quantization.quant_primitives import MappingType


class TorchaoQuantization:
    def __init__(self, threads):
        torch.set_num_threads(threads)
        self.version = f"torchao {torchao.__version__}, torch {torch.__version__}"

    def quantize_static(self, weights, output, calibration):
        """int8 weights per channel, int8 activations with a zero point, by the least and largest value of the samples."""
        network = torch_network.read_network(weights)
        samples = torch.from_numpy(read_features(calibration))
        start = time.process_time()
        ranges = measure_ranges(network, samples)
        for layer, (least, largest) in ranges.items():
            scale = (largest - least) / 255
            config = Int8StaticActivationInt8WeightConfig(
                act_quant_scale=scale.reshape(1, 1),
                act_quant_zero_point=(-128 - torch.round(least / scale)).to(torch.int8).reshape(1, 1),
                granularity=[PerTensor(), PerRow()],
                act_mapping_type=MappingType.ASYMMETRIC,
                set_inductor_config=False,
            )
            quantize_(layer, config)
        return finish(network, output, start, 8)

    def quantize_weights_to_4_bits(self, weights, output, group_size=32):
        """4-bit weights in groups along the inputs, activations float32. Groups must divide a layer's inputs, which are filled up with zeros."""
        network = torch_network.read_network(weights, input_multiple=group_size)
        start = time.process_time()
        quantize_(network, IntxWeightOnlyConfig(torch.int4, PerGroup(group_size)))
        return finish(network, output, start, 4)

    def train_quantized(self, weights, output, features, labels, training, bits, seed):
        """Trained through codes: weights per channel, activations int8 by the range of each sample.

        `training` is as in torch_network.train.
        """
        torch.manual_seed(seed)
        network = torch_network.read_network(weights)
        start = time.process_time()
        base = Int8DynamicActivationIntxWeightConfig(getattr(torch, f"int{bits}"), PerAxis(0))
        quantize_(network, QATConfig(base, step="prepare"))
        torch_network.train(network, features, labels, training, seed)
        quantize_(network, QATConfig(base, step="convert"))
        return finish(network, output, start, bits)

    def evaluate(self, model, features, labels):
        network = torch_network.build_network(torch.load(model))
        return torch_network.evaluate(network, features, labels)


def measure_ranges(network, samples):
    """By layer, the least and largest value of its inputs, 0 among them."""
    ranges = {}
    value = samples
    with torch.no_grad():
        for layer in network:
            if isinstance(layer, torch.nn.Linear):
                ranges[layer] = value.min().clamp(max=0), value.max().clamp(min=0)
            value = layer(value)
    return ranges


def finish(network, output, start, bits):
    cpu_seconds = time.process_time() - start
    written = torch_network.save(network, output)
    return {"cpuSeconds": cpu_seconds, "packedBytes": count_packed_bytes(network, bits), **written}


def count_packed_bytes(network, bits):
    """What the numbers take without the container: codes at their width, scales and biases in float32, a byte for each zero point that is used."""
    total = 0
    for layer in network:
        if not isinstance(layer, torch.nn.Linear):
            continue
        weight = layer.weight
        total += -(-weight.qdata.numel() * bits // 8) + 4 * weight.scale.numel() + 4 * layer.bias.numel()
        zero_points = [weight.zero_point, getattr(weight, "act_quant_zero_point", None)]
        total += sum(each.numel() for each in zero_points if each is not None and each.any())
        activation_scale = getattr(weight, "act_quant_scale", None)
        total += 0 if activation_scale is None else 4 * activation_scale.numel()
    return total
