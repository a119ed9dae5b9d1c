import { type Random, UnsupportedError } from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import type { TensorflowLayer } from '../model/model-topology.ts';
import { walkModel } from '../model/walk-model.ts';

/** Layers whose noise comes from `seed`, a field that tfjs reads in every call. */
const SEEDED = new Set(['Dropout', 'SpatialDropout1D']);
/** Settings of layers that draw numbers nobody can seed. */
const UNSEEDED: Readonly<Record<string, readonly string[]>> = {
  AlphaDropout: ['rate'],
  GaussianDropout: ['rate'],
  GaussianNoise: ['stddev'],
  SimpleRNN: ['dropout', 'recurrentDropout'],
  GRU: ['dropout', 'recurrentDropout'],
  LSTM: ['dropout', 'recurrentDropout'],
  ConvLSTM2D: ['dropout', 'recurrentDropout'],
};

interface SeededLayer extends TensorflowLayer {
  seed: number | undefined;
}

/**
 * Gives dropout layers a new seed for every step, from the seed of the training: tfjs draws the same noise in each step for a layer that has a
 * seed, and noise that cannot be repeated for one that has none.
 */
export class LayerNoise {
  readonly #layers: readonly {
    readonly name: string;
    readonly layer: SeededLayer;
    readonly seed: number | undefined;
  }[];

  /** @throws UnsupportedError naming a layer whose noise cannot be seeded. */
  constructor(model: LayersModel) {
    const { layers } = walkModel(model);
    for (const { name, layer } of layers) requireSeed(name, layer);
    this.#layers = layers
      .filter(({ layer }) => SEEDED.has(layer.getClassName()))
      .map(({ name, layer }) => ({ name, layer: layer as SeededLayer, seed: (layer as SeededLayer).seed }));
  }

  /** Seeds the noise of one step. */
  seedStep(random: Random, step: number): void {
    if (this.#layers.length === 0) return;
    const stream = random.fork(`layer noise ${step}`);
    // tfjs takes 0 for "no seed".
    for (const { layer } of this.#layers) layer.seed = 1 + stream.integer(2 ** 31 - 1);
  }

  /** Gives the layers the seeds that they had. */
  restore(): void {
    for (const { layer, seed } of this.#layers) layer.seed = seed;
  }
}

function requireSeed(name: string, layer: TensorflowLayer): void {
  const kind = layer.getClassName();
  const config = layer.getConfig();
  const wrapped =
    (config.layer as { config?: Record<string, unknown>; className?: string } | undefined) ?? null;
  const settings = [
    ...(UNSEEDED[kind] ?? []).map((setting) => config[setting]),
    ...(wrapped ? (UNSEEDED[wrapped.className ?? ''] ?? []).map((setting) => wrapped.config?.[setting]) : []),
  ];
  if (!settings.some((setting) => typeof setting === 'number' && setting > 0)) return;
  throw new UnsupportedError(`The noise of layer "${name}" cannot be repeated`, {
    expected: 'layers whose noise can be seeded: Dropout, SpatialDropout1D',
    actual: kind,
    remedy: 'Use one of those, or set its rate to 0.',
    facts: { layer: name, className: kind },
  });
}
