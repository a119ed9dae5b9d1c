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


def shift(features, most, random):
    """Square pictures, each moved by up to `most` pixels along both axes; zeros move in."""
    if most == 0:
        return features
    side = int(round(features.shape[1] ** 0.5))
    padded = numpy.pad(features.reshape(-1, side, side), ((0, 0), (most, most), (most, most)))
    places = random.integers(0, 2 * most + 1, (len(features), 2))
    moved = numpy.empty((len(features), side, side), "f4")
    for down in range(2 * most + 1):
        for right in range(2 * most + 1):
            chosen = (places == (down, right)).all(axis=1)
            moved[chosen] = padded[chosen, down : down + side, right : right + side]
    return moved.reshape(len(features), -1)
