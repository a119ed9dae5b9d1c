/**
 * @file The MobileNetV1 of the face detector in the npm package `@vladmandic/face-api` (MIT), trained and shipped: depthwise convolutions with batch
 * normalisations. Its kernels were stored as 8-bit codes per tensor. And real pictures from the same package.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { Random } from '@qedge/core';
import { openTfjsWeights } from '@qedge/memory/node';

/** Blocks with stride 2; the others have stride 1. */
const STRIDED = [2, 4, 6, 12];
const BLOCKS = 13;

/**
 * The network up to the mean over the image; inputs `[size, size, 3]` in -1..1, 1,024 features out.
 *
 * @param tf the TensorFlow.js module. @param folder of the package. @returns owned by the caller.
 */
export function openFaceFeatures(tf, folder, size) {
  const weights = openTfjsWeights(join(folder, 'model', 'ssd_mobilenetv1_model-weights_manifest.json'));
  try {
    const input = tf.input({ shape: [size, size, 3], name: 'image' });
    let x = pointwise(tf, input, weights, 'Conv2d_0_pointwise', { kernelSize: 3, strides: 2 });
    for (let block = 1; block <= BLOCKS; block++) {
      x = depthwise(tf, x, weights, `Conv2d_${block}_depthwise`, STRIDED.includes(block) ? 2 : 1);
      x = pointwise(tf, x, weights, `Conv2d_${block}_pointwise`, { kernelSize: 1, strides: 1 });
    }
    const features = tf.layers.globalAveragePooling2d({ name: 'features' }).apply(x);
    return tf.model({ inputs: input, outputs: features, name: 'face_features' });
  } finally {
    weights.dispose();
  }
}

function pointwise(tf, x, weights, name, settings) {
  const filters = weights.spec(`MobilenetV1/${name}/weights`).shape[3];
  // The weights are set below: random ones would be drawn in vain.
  const zeros = { kernelInitializer: 'zeros' };
  const layer = tf.layers.conv2d({ name, filters, padding: 'same', ...zeros, ...settings });
  const y = layer.apply(x);
  setWeights(tf, layer, weights, [`${name}/weights`, `${name}/convolution_bn_offset`]);
  return tf.layers.reLU({ maxValue: 6, name: `${name}_relu6` }).apply(y);
}

function depthwise(tf, x, weights, name, strides) {
  const layer = tf.layers.depthwiseConv2d({ name, kernelSize: 3, strides, padding: 'same', useBias: false });
  const norm = tf.layers.batchNormalization({ name: `${name}_norm`, epsilon: 0.001 });
  const y = norm.apply(layer.apply(x));
  setWeights(tf, layer, weights, [`${name}/depthwise_weights`]);
  const statistics = ['gamma', 'beta', 'moving_mean', 'moving_variance'];
  setWeights(
    tf,
    norm,
    weights,
    statistics.map((part) => `${name}/BatchNorm/${part}`),
  );
  return tf.layers.reLU({ maxValue: 6, name: `${name}_relu6` }).apply(y);
}

function setWeights(tf, layer, weights, names) {
  const tensors = names.map((name) => {
    const { data, shape } = weights.load(`MobilenetV1/${name}`);
    return tf.tensor(data, [...shape]);
  });
  layer.setWeights(tensors);
  tf.dispose(tensors);
}

/**
 * Square cuts at seeded places of a picture in the package's `demo` folder (`screenshot-images.png`, `screenshot-webcam.png`), scaled to -1..1.
 *
 * @returns `{ features, count }`, features `[count, size, size, 3]`.
 */
export function cutPicture(folder, file, { count, size, seed }) {
  const { width, height, pixels } = readPalettePng(readFileSync(join(folder, 'demo', file)));
  const random = new Random(seed);
  const features = new Float32Array(count * size * size * 3);
  let at = 0;
  for (let cut = 0; cut < count; cut++) {
    const [left, top] = [random.integer(width - size + 1), random.integer(height - size + 1)];
    for (let y = top; y < top + size; y++) {
      const from = (y * width + left) * 3;
      for (let i = from; i < from + size * 3; i++) features[at++] = pixels[i] / 127.5 - 1;
    }
  }
  return { features, count };
}

/** A PNG with a palette and 8 bits per pixel, not interlaced (RFC 2083). */
function readPalettePng(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts = [];
  let [width, height, palette] = [0, 0, null];
  for (let at = 8; at < bytes.length; at += 12 + view.getUint32(at)) {
    const type = bytes.toString('latin1', at + 4, at + 8);
    const body = bytes.subarray(at + 8, at + 8 + view.getUint32(at));
    if (type === 'IHDR') {
      [width, height] = [view.getUint32(at + 8), view.getUint32(at + 12)];
      if (body[8] !== 8 || body[9] !== 3 || body[12] !== 0) throw new Error('Not a plain PNG with a palette');
    } else if (type === 'PLTE') palette = body;
    else if (type === 'IDAT') parts.push(body);
  }
  const indices = unfilter(inflateSync(Buffer.concat(parts)), width, height);
  const pixels = new Uint8Array(width * height * 3);
  indices.forEach((index, at) => {
    pixels.set(palette.subarray(3 * index, 3 * index + 3), 3 * at);
  });
  return { width, height, pixels };
}

function unfilter(data, width, height) {
  const pixels = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const filter = data[y * (width + 1)];
    for (let x = 0; x < width; x++) {
      const left = x > 0 ? pixels[y * width + x - 1] : 0;
      const up = y > 0 ? pixels[(y - 1) * width + x] : 0;
      const corner = x > 0 && y > 0 ? pixels[(y - 1) * width + x - 1] : 0;
      const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      pixels[y * width + x] = data[y * (width + 1) + 1 + x] + predicted;
    }
  }
  return pixels;
}

function paeth(left, up, corner) {
  const estimate = left + up - corner;
  const [a, b, c] = [left, up, corner].map((value) => Math.abs(estimate - value));
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}
