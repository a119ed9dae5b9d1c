"""Channels removed by Torch-Pruning until a share of the multiply-accumulates is left, then training. See serve.py."""

import time
from importlib.metadata import version

import torch
import torch_network
import torch_pruning
from samples import read_features, read_labels

# The ratio of channels rises by 1/400 at a time until the target is met.
STEPS = 400


class TorchPruning:
    def __init__(self, threads):
        torch.set_num_threads(threads)
        self.version = f"torch-pruning {version('torch-pruning')}, torch {torch.__version__}"

    def prune_channels(self, weights, output, features, labels, macs, training, seed, criterion="magnitude"):
        """Hidden units of the least importance over all layers removed at once; `macs` is the share of multiply-accumulates that stays.

        `training` is as in torch_network.train.
        """
        torch.manual_seed(seed)
        network = torch_network.read_network(weights)
        start = time.process_time()
        remove_channels(network, macs, criterion, features, labels)
        torch_network.train(network, features, labels, training, seed)
        cpu_seconds = time.process_time() - start
        written = torch_network.save(network, output)
        parameters = sum(each.numel() for each in network.parameters())
        units = [layer.out_features for layer in network if isinstance(layer, torch.nn.Linear)]
        return {"cpuSeconds": cpu_seconds, "packedBytes": 4 * parameters, "units": units, **written}

    def evaluate(self, model, features, labels):
        network = torch_network.build_network(torch.load(model))
        return torch_network.evaluate(network, features, labels)


def remove_channels(network, macs, criterion, features, labels):
    example = torch.zeros(1, network[0].in_features)
    if criterion == "taylor":
        importance = torch_pruning.importance.GroupTaylorImportance()
        accumulate_gradients(network, features, labels)
    else:
        importance = torch_pruning.importance.GroupMagnitudeImportance(p=2)
    pruner = torch_pruning.pruner.BasePruner(
        network, example, importance, global_pruning=True, pruning_ratio=1.0, iterative_steps=STEPS,
        ignored_layers=[network[-1]],
    )
    target = macs * count_macs(network)
    for _ in range(STEPS):
        if count_macs(network) <= target:
            break
        pruner.step()
    network.zero_grad()


def count_macs(network):
    return sum(layer.weight.numel() for layer in network if isinstance(layer, torch.nn.Linear))


def accumulate_gradients(network, features, labels, count=512):
    """Gradients of the loss at the first samples, which the Taylor criterion multiplies weights with."""
    samples = torch.from_numpy(read_features(features)[:count])
    expected = torch.from_numpy(read_labels(labels)[:count]).long()
    torch.nn.functional.cross_entropy(network(samples), expected).backward()
