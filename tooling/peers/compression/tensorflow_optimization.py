"""TensorFlow Lite's post-training quantisation, and the pruning and quantisation-aware training of the TensorFlow Model Optimization
Toolkit. See serve.py."""

import json
import os
import time

# The toolkit is written for Keras 2.
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy  # noqa: E402
import tensorflow  # noqa: E402
import tensorflow_model_optimization as toolkit  # noqa: E402
import tf_keras as keras  # noqa: E402
from samples import read_features, read_labels, score, shift  # noqa: E402

sparsity = toolkit.sparsity.keras
quantization = toolkit.quantization.keras


class TensorflowOptimization:
    def __init__(self, threads):
        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(1)
        self.version = f"tensorflow {tensorflow.__version__}, model optimization toolkit {toolkit.__version__}"
        self._threads = threads

    def convert(self, weights, output):
        """The float32 network for TensorFlow Lite."""
        return write(output, tensorflow.lite.TFLiteConverter.from_keras_model(read_network(weights)).convert())

    def quantize_post_training(self, weights, output, calibration):
        """int8 weights per channel and int8 activations by TensorFlow Lite's converter."""
        model = read_network(weights)
        samples = read_features(calibration)
        start = time.process_time()
        converter = tensorflow.lite.TFLiteConverter.from_keras_model(model)
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([sample[None]] for sample in samples)
        converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS_INT8]
        data = converter.convert()
        return {"cpuSeconds": time.process_time() - start, **write(output, data)}

    def prune_and_quantize(self, weights, output, features, labels, pruning, quantizing, final_sparsity, ramp, seed):
        """Cubic magnitude pruning layer by layer, then quantisation-aware training to 8 bits that preserves the zeros (PQAT).

        `pruning` and `quantizing` are trainings: {epochs, batchSize, initial, final, weightDecay, maxShiftPixels}.
        """
        keras.utils.set_random_seed(seed)
        data = read_features(features), read_labels(labels)
        start = time.process_time()
        steps = pruning["epochs"] * -(-len(data[0]) // pruning["batchSize"])
        schedule = sparsity.PolynomialDecay(0.0, final_sparsity, 0, int(ramp * steps), power=3, frequency=15)
        pruned = sparsity.prune_low_magnitude(read_network(weights), pruning_schedule=schedule)
        train(pruned, data, pruning, seed, [sparsity.UpdatePruningStep()])
        stripped = sparsity.strip_pruning(pruned)
        annotated = quantization.quantize_annotate_model(stripped)
        scheme = toolkit.experimental.combine.Default8BitPrunePreserveQuantizeScheme()
        aware = quantization.quantize_apply(annotated, scheme)
        train(aware, data, quantizing, seed + 1, [])
        converter = tensorflow.lite.TFLiteConverter.from_keras_model(aware)
        converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
        written = write(output, converter.convert())
        kernels = [w for w in stripped.get_weights() if w.ndim == 2]
        zeros = sum(int((kernel == 0).sum()) for kernel in kernels) / sum(kernel.size for kernel in kernels)
        return {"cpuSeconds": time.process_time() - start, "sparsity": zeros, **written}

    def evaluate(self, model, features, labels):
        interpreter = tensorflow.lite.Interpreter(model_path=model, num_threads=self._threads)
        samples = read_features(features)
        source, sink = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        interpreter.resize_tensor_input(source["index"], samples.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(source["index"], samples)
        interpreter.invoke()
        return score(interpreter.get_tensor(sink["index"]), labels)


def read_network(path):
    """A stack of dense layers with relu between them, from a list of {inputs, units, kernel, bias}: numbers row-major."""
    with open(path, encoding="utf-8") as file:
        layers = json.load(file)
    model = keras.Sequential([keras.layers.Input((layers[0]["inputs"],))])
    for at, layer in enumerate(layers):
        model.add(keras.layers.Dense(layer["units"], activation=None if at == len(layers) - 1 else "relu"))
    for dense, layer in zip(model.layers, layers, strict=True):
        kernel = numpy.array(layer["kernel"], "f4").reshape(layer["inputs"], layer["units"])
        dense.set_weights([kernel, numpy.array(layer["bias"], "f4")])
    return model


def train(model, data, settings, seed, callbacks):
    """AdamW with a cosine learning rate, each epoch on samples shifted anew."""
    features, labels = data
    steps = settings["epochs"] * -(-len(features) // settings["batchSize"])
    rate = keras.optimizers.schedules.CosineDecay(
        settings["initial"], steps, alpha=settings["final"] / settings["initial"]
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=settings["weightDecay"])
    optimizer.exclude_from_weight_decay(var_names=["bias", "min", "max", "threshold", "step", "mask"])
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    random = numpy.random.default_rng(seed)
    for epoch in range(settings["epochs"]):
        shifted = shift(features, settings["maxShiftPixels"], random)
        model.fit(
            shifted,
            labels,
            batch_size=settings["batchSize"],
            initial_epoch=epoch,
            epochs=epoch + 1,
            callbacks=callbacks,
            verbose=0,
        )


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)
    return {"bytes": len(data)}
