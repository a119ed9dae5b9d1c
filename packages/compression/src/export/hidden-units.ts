import type { QuantizationParameters } from '@qedge/core';
import type { CodedWeight, CompressedModel } from '../model/compressed-model.ts';
import type { TopologyLayer, TopologyWeight } from '../model/model-topology.ts';

/** Two dense layers, the second of which reads the first through functions of single numbers and nothing else does. */
interface Junction {
  readonly before: TopologyLayer;
  /** Layers between the two. */
  readonly between: readonly TopologyLayer[];
  readonly after: TopologyLayer;
}

/** Layers that treat every number alike when a model infers. */
const ELEMENTWISE_LAYERS = new Set([
  'Activation',
  'ReLU',
  'LeakyReLU',
  'ELU',
  'Dropout',
  'GaussianNoise',
  'GaussianDropout',
  'AlphaDropout',
]);

/** Activations that sum over all units of a layer: without one unit the others would be others. */
const NORMALIZING_ACTIVATIONS: ReadonlySet<unknown> = new Set(['softmax', 'logSoftmax']);

/**
 * Puts the hidden units with the most weights first. The function stays the same (sums run in another order); entropy coders use that neighbouring
 * rows and columns are alike then. Units are hidden where one dense layer feeds another through functions of single numbers only; others stay.
 */
export function sortHiddenUnits(compressed: CompressedModel): CompressedModel {
  return junctionsOf(compressed).reduce((model, { before, after }) => {
    const [kernel, units] = kernelOf(model, before.name);
    const counts = new Uint32Array(units);
    for (let i = 0; i < kernel.length; i++) if (kernel[i] !== 0) counts[i % units]!++;
    const order = Array.from(counts, (_, unit) => unit).sort((a, b) => counts[b]! - counts[a]! || a - b);
    return selectUnits(model, before.name, after.name, order);
  }, compressed);
}

/** What {@link removeDeadHiddenUnits} made. */
export interface RemovedUnits {
  readonly model: CompressedModel;
  /** How many units left each layer, by its name; only layers that lost some. */
  readonly removed: ReadonlyMap<string, number>;
}

/**
 * Takes hidden units away that nothing reads, or that always give the same number because all their weights are 0: what they add to the next layer
 * goes into its bias, coded as its input is. Outputs stay the same up to the rounding of a bias. A layer keeps one unit at least.
 */
export function removeDeadHiddenUnits(compressed: CompressedModel): RemovedUnits {
  const removed = new Map<string, number>();
  let model = compressed;
  for (const junction of junctionsOf(compressed)) {
    const { kept, bias } = liveUnits(model, junction);
    const [, units] = kernelOf(model, junction.before.name);
    if (kept.length === units) continue;
    removed.set(junction.before.name, units - kept.length);
    model = withBias(
      selectUnits(model, junction.before.name, junction.after.name, kept),
      junction.after.name,
      bias,
    );
  }
  return { model, removed };
}

function junctionsOf({ topology: { layers, outputs }, codes }: CompressedModel): readonly Junction[] {
  const grouped = new Set(
    [...codes].flatMap(([name, { quantization }]) => (quantization.groupSize ? [name] : [])),
  );
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const isOutput = new Set(outputs.map(({ layer }) => layer));
  const readersOf = (name: string) =>
    layers.flatMap((layer) =>
      layer.calls.flatMap(({ inputs }) =>
        inputs.filter((input) => input.layer === name).map(() => layer.name),
      ),
    );
  return layers.flatMap((before): Junction[] => {
    if (before.className !== 'Dense' || before.calls.length !== 1) return [];
    if (NORMALIZING_ACTIVATIONS.has(before.config.activation)) return [];
    const between: TopologyLayer[] = [];
    for (let layer = before; ; ) {
      const readers = readersOf(layer.name);
      if (readers.length !== 1 || isOutput.has(layer.name)) return [];
      const next = byName.get(readers[0]!)!;
      if (next.calls.length !== 1) return [];
      // Rows that share scales must stay together.
      if (next.className === 'Dense')
        return grouped.has(next.weights[0]!.name) ? [] : [{ before, between, after: next }];
      if (!ELEMENTWISE_LAYERS.has(next.className)) return [];
      if (NORMALIZING_ACTIVATIONS.has(next.config.activation)) return [];
      between.push(next);
      layer = next;
    }
  });
}

function layerOf({ topology }: CompressedModel, name: string): TopologyLayer {
  return topology.layers.find((layer) => layer.name === name)!;
}

function kernelOf(model: CompressedModel, name: string): readonly [kernel: Float32Array, units: number] {
  const [kernel] = layerOf(model, name).weights;
  return [kernel!.data, kernel!.shape[1]!];
}

interface LiveUnits {
  /** In order. */
  readonly kept: readonly number[];
  /** Of the next layer, with what the other units add to it. */
  readonly bias: Float32Array | null;
}

/** @param always a unit that stays although it is dead, for layers without any other. */
function liveUnits(model: CompressedModel, junction: Junction, always = -1): LiveUnits {
  const { before, between, after } = junction;
  const [kernel, units] = kernelOf(model, before.name);
  const [next, columns] = kernelOf(model, after.name);
  const start = layerOf(model, before.name).weights[1]?.data ?? new Float32Array(units);
  const nextBias = layerOf(model, after.name).weights[1]?.data ?? null;
  const bias = nextBias?.slice() ?? null;
  const functions = [before, ...between].map(functionOf);
  const isKnown = functions.every((each) => each !== null);
  const live = new Uint8Array(units);
  for (let i = 0; i < kernel.length; i++) if (kernel[i] !== 0) live[i % units] = 1;
  const kept: number[] = [];
  for (let unit = 0; unit < units; unit++) {
    const row = next.subarray(unit * columns, (unit + 1) * columns);
    const value = isKnown ? functions.reduce((x, apply) => apply!(x), start[unit]!) : null;
    const input = value === null ? null : codedInput(model, after.name, value);
    const adds = row.some((weight) => weight !== 0 && input !== 0);
    const canMove = live[unit] === 0 && input !== null && bias !== null;
    const isIdle = row.every((weight) => weight === 0) || (live[unit] === 0 && !adds);
    if (unit === always) kept.push(unit);
    else if (isIdle) continue;
    else if (canMove) {
      for (let j = 0; j < columns; j++) bias[j] = bias[j]! + input * row[j]!;
    } else kept.push(unit);
  }
  return kept.length > 0 ? { kept, bias } : liveUnits(model, junction, 0);
}

/** What a number becomes as input of a layer. */
function codedInput({ inputs }: CompressedModel, layer: string, value: number): number {
  const input = inputs.get(layer);
  if (!input) return value;
  const quotient = Math.fround(value / Math.fround(input.scale));
  const floor = Math.floor(quotient);
  const isUp = quotient - floor > 0.5 || (quotient - floor === 0.5 && floor % 2 !== 0);
  const code = Math.max(0, Math.min(255, floor + (isUp ? 1 : 0) + input.zeroPoint));
  return Math.fround((code - input.zeroPoint) * Math.fround(input.scale));
}

/** What a layer does to single numbers; null for functions that are not known here. */
function functionOf({ className, config }: TopologyLayer): ((x: number) => number) | null {
  if (className === 'Dropout' || className === 'GaussianNoise' || className === 'GaussianDropout')
    return (x) => x;
  if (className === 'ReLU') return (config.maxValue ?? null) === null ? (x) => Math.max(0, x) : null;
  const activation =
    className === 'Dense' || className === 'Activation' ? (config.activation ?? 'linear') : null;
  if (activation === 'linear') return (x) => x;
  if (activation === 'relu') return (x) => Math.max(0, x);
  return activation === 'relu6' ? (x) => Math.min(6, Math.max(0, x)) : null;
}

/** The model with these units of one layer, in this order, and what the next layer reads of them. */
function selectUnits(
  model: CompressedModel,
  before: string,
  after: string,
  units: readonly number[],
): CompressedModel {
  const codes = new Map(model.codes);
  const shapes = layersOfUnits(model, before);
  const layers = model.topology.layers.map((layer): TopologyLayer => {
    if (!shapes.has(layer.name) && layer.name !== after) return layer;
    const calls = shapes.has(layer.name)
      ? layer.calls.map((call) => ({
          ...call,
          outputShapes: [[...call.outputShapes[0]!.slice(0, -1), units.length]],
        }))
      : layer.calls;
    // The input shape that a layer of a Sequential was given no longer holds; tfjs takes it from the call.
    const { batchInputShape: _, ...settings } = layer.config;
    const config = layer.name === before ? layer.config : settings;
    if (layer.name !== before && layer.name !== after) return { ...layer, config, calls };
    const [kernel, ...rest] = layer.weights as [TopologyWeight, ...TopologyWeight[]];
    const pick = layer.name === before ? pickColumns : pickRows;
    const coded = codes.get(kernel.name);
    if (coded) codes.set(kernel.name, pickCodes(coded, kernel.shape, units, layer.name === before));
    const shape = layer.name === before ? [kernel.shape[0]!, units.length] : [units.length, kernel.shape[1]!];
    const picked = { ...kernel, shape, data: pick(kernel.data, kernel.shape[1]!, units) };
    if (layer.name === after) return { ...layer, config, calls, weights: [picked, ...rest] };
    const vectors = rest.map((weight) => ({
      ...weight,
      shape: [units.length],
      data: pickColumns(weight.data, kernel.shape[1]!, units),
    }));
    return {
      ...layer,
      calls,
      config: { ...config, units: units.length },
      weights: [picked, ...vectors],
    };
  });
  return { ...model, codes, topology: { ...model.topology, layers } };
}

/** The layers that put units out: the first one and those between. */
function layersOfUnits(model: CompressedModel, before: string): ReadonlySet<string> {
  const { between } = junctionsOf(model).find((each) => each.before.name === before)!;
  return new Set([before, ...between.map(({ name }) => name)]);
}

type Numbers = Float32Array | Int8Array | Int32Array;

function pickColumns<Data extends Numbers>(data: Data, columns: number, units: readonly number[]): Data {
  const rows = data.length / columns;
  const picked = data.slice(0, rows * units.length) as Data;
  for (let row = 0; row < rows; row++) {
    for (const [to, unit] of units.entries()) picked[row * units.length + to] = data[row * columns + unit]!;
  }
  return picked;
}

function pickRows<Data extends Numbers>(data: Data, columns: number, units: readonly number[]): Data {
  const picked = data.slice(0, units.length * columns) as Data;
  for (const [to, unit] of units.entries()) {
    picked.set(data.subarray(unit * columns, (unit + 1) * columns), to * columns);
  }
  return picked;
}

function pickCodes(
  { codes, quantization }: CodedWeight,
  shape: readonly number[],
  units: readonly number[],
  areColumns: boolean,
): CodedWeight {
  if (!areColumns) return { codes: pickRows(codes, shape[1]!, units), quantization };
  const { scales, zeroPoints, axis } = quantization;
  const picked: QuantizationParameters =
    axis === null
      ? quantization
      : {
          ...quantization,
          scales: pickColumns(scales, shape[1]!, units),
          zeroPoints: pickColumns(zeroPoints, shape[1]!, units),
        };
  return { codes: pickColumns(codes, shape[1]!, units), quantization: picked };
}

function withBias(model: CompressedModel, name: string, bias: Float32Array | null): CompressedModel {
  if (bias === null) return model;
  const layers = model.topology.layers.map((layer) =>
    layer.name === name
      ? {
          ...layer,
          weights: layer.weights.map((weight, i) => (i === 1 ? { ...weight, data: bias } : weight)),
        }
      : layer,
  );
  return { ...model, topology: { ...model.topology, layers } };
}
