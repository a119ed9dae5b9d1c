"""The network that all tools get, its training and its files, for the tools of PyTorch."""

import json
import math
import os
from collections import OrderedDict

import numpy
import torch
from samples import read_features, read_labels, score, shift


def read_network(path, input_multiple=1):
    """Linear layers with relu between them, from a list of {inputs, units, kernel, bias}: numbers row-major.

    Inputs are filled up with weights of 0 to a multiple of `input_multiple`.
    """
    with open(path, encoding="utf-8") as file:
        layers = json.load(file)
    state = OrderedDict()
    for at, layer in enumerate(layers):
        kernel = numpy.array(layer["kernel"], "f4").reshape(layer["inputs"], layer["units"]).T
        filling = -layer["inputs"] % input_multiple
        state[f"{2 * at}.weight"] = torch.from_numpy(numpy.pad(kernel, ((0, 0), (0, filling))))
        state[f"{2 * at}.bias"] = torch.from_numpy(numpy.array(layer["bias"], "f4"))
    return build_network(state)


def build_network(state):
    """A network of the sizes and with the weights of a state dictionary, whatever kind of tensors they are."""
    names = [name for name in state if name.endswith(".weight")]
    modules = []
    for name in names:
        units, inputs = state[name].shape
        modules += [torch.nn.Linear(inputs, units), torch.nn.ReLU()]
    network = torch.nn.Sequential(*modules[:-1])
    network.load_state_dict(state, assign=True)
    return network


def save(network, output):
    torch.save(network.state_dict(), output)
    return {"bytes": os.path.getsize(output)}


def evaluate(network, features, labels):
    samples = fill_up(torch.from_numpy(read_features(features)), network[0].weight.shape[1])
    network.eval()
    with torch.no_grad():
        return score(network(samples).numpy(), labels)


def fill_up(samples, width):
    """Rows with zeros after them, as many as a network takes."""
    return torch.nn.functional.pad(samples, (0, width - samples.shape[1]))


def train(network, features, labels, settings, seed, width=None):
    """AdamW with a cosine learning rate, each epoch on samples shifted anew.

    `settings`: {epochs, batchSize, initial, final, weightDecay, maxShiftPixels, warmUp}; the last is a fraction of the steps, or absent.
    """
    features, labels = read_features(features), torch.from_numpy(read_labels(labels)).long()
    count, batch_size = len(features), settings["batchSize"]
    total = settings["epochs"] * -(-count // batch_size)
    optimizer = torch.optim.AdamW(parameter_groups(network, settings["weightDecay"]), lr=settings["initial"])
    loss = torch.nn.CrossEntropyLoss()
    random = numpy.random.default_rng(seed)
    network.train()
    step = 0
    for _ in range(settings["epochs"]):
        shifted = torch.from_numpy(shift(features, settings["maxShiftPixels"], random))
        if width is not None:
            shifted = fill_up(shifted, width)
        for chosen in torch.from_numpy(random.permutation(count)).split(batch_size):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(settings, step, total)
            optimizer.zero_grad()
            loss(network(shifted[chosen]), labels[chosen]).backward()
            optimizer.step()
            step += 1


def parameter_groups(network, weight_decay):
    """Kernels decay; biases and learned scales do not."""
    parameters = [each for each in network.parameters() if each.requires_grad]
    return [
        {"params": [each for each in parameters if each.ndim == 2], "weight_decay": weight_decay},
        {"params": [each for each in parameters if each.ndim != 2], "weight_decay": 0.0},
    ]


def learning_rate(settings, step, total):
    initial, final = settings["initial"], settings["final"]
    rising = round(settings.get("warmUp", 0) * total)
    if step < rising:
        return initial * (step + 1) / (rising + 1)
    progress = (step - rising) / (total - rising)
    return final + (initial - final) * (1 + math.cos(math.pi * progress)) / 2
