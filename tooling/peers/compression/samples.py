"""Arrays that another program left in files."""

import numpy


def read_features(path, width=784):
    """Float32 rows."""
    return numpy.fromfile(path, "<f4").reshape(-1, width)


def read_labels(path):
    """One byte each."""
    return numpy.fromfile(path, "u1")


def score(logits, labels):
    """What is right, 1, and what is wrong, 0, sample by sample."""
    right = logits.reshape(len(logits), -1).argmax(axis=1) == read_labels(labels)
    return {"accuracy": float(right.mean()), "right": right.astype(int).tolist()}
