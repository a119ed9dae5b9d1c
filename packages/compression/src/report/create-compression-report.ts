import {
  elementCount,
  InvalidArgumentError,
  QedgeError,
  type StoredTensor,
  wilsonInterval,
} from '@qedge/core';
import type { CompressedModel } from '../model/compressed-model.ts';
import { kernelOf } from '../model/kernel-weight.ts';
import type { ModelTopology, TopologyLayer } from '../model/model-topology.ts';
import { comparePaired, type Outcomes } from './compare-paired.ts';
import { type CompressionLedgerRow, createCompressionLedger } from './compression-ledger.ts';
import type {
  AccuracyReport,
  AccuracySection,
  CompressedFile,
  CompressionReport,
  FileReport,
  LayerReport,
  ModelTotals,
} from './compression-report.ts';
import { countMacs, type MacCount } from './count-macs.ts';

/** What {@link createCompressionReport} reports on. Everything is borrowed. */
export interface CompressionReportInput {
  readonly name: string;
  /** The float32 model that was compressed, as it was before. */
  readonly original: ModelTopology;
  readonly compressed: CompressedModel;
  /** The float32 weights right before they were coded, for the noise ratio; layers may be missing. */
  readonly reference?: ModelTopology;
  readonly files?: readonly CompressedFile[];
  /** On the same test samples, in the same order. */
  readonly outcomes?: {
    readonly original: Outcomes;
    /** Of the original model trained on without compression for as long as compression took. */
    readonly denseControl?: Outcomes;
    readonly compressed: Outcomes;
  };
  /** Plain data. */
  readonly recipe?: unknown;
  readonly seed?: number;
  readonly seconds?: number;
}

/**
 * Reports on a compression: parameters, zeros, bits, operations and bytes of each layer, the files, and accuracies with intervals and
 * paired tests.
 *
 * @throws InvalidArgumentError for a file without bytes or codes of a kernel that the model lacks, ShapeMismatchError when codes, the reference
 *   or the outcomes do not fit.
 */
export function createCompressionReport(input: CompressionReportInput): CompressionReport {
  const { name, original, compressed, reference, files = [], outcomes } = input;
  const originalMacs = tryToCount(original);
  const macs = tryToCount(compressed.topology);
  const originalLayers = describeLayers(
    { topology: original, codes: new Map(), inputs: new Map() },
    originalMacs,
  );
  const layers = describeLayers(compressed, macs, reference);
  const rawBytes = originalLayers.totals.rawBytes;
  return {
    name,
    recipe: input.recipe ?? null,
    seed: input.seed ?? null,
    seconds: input.seconds ?? null,
    layers: layers.rows,
    original: originalLayers.totals,
    compressed: layers.totals,
    macsProblem: originalMacs.problem ?? macs.problem,
    files: files.map((file) => describeFile(file, rawBytes)),
    accuracy: outcomes ? describeAccuracy(outcomes) : null,
  };
}

interface TriedCount {
  readonly macs: MacCount | null;
  readonly problem: string | null;
}

function tryToCount(topology: ModelTopology): TriedCount {
  try {
    return { macs: countMacs(topology), problem: null };
  } catch (error) {
    if (error instanceof QedgeError) return { macs: null, problem: error.message };
    throw error;
  }
}

function describeLayers(
  model: CompressedModel,
  { macs }: TriedCount,
  reference?: ModelTopology,
): { readonly rows: readonly LayerReport[]; readonly totals: ModelTotals } {
  assertCodesFit(model);
  const ledger = createCompressionLedger(storedTensors(model), reference ? kernelTensors(reference) : []);
  const byName = new Map(ledger.rows.map((row) => [row.name, row]));
  const layers = model.topology.layers.filter(({ weights }) => weights.length > 0);
  const rows = layers.map((layer) => describeLayer(layer, byName, model, macs));
  const kernels = layers.flatMap((layer) => byName.get(kernelOf(layer)?.weight.name ?? '') ?? []);
  const sum = (of: readonly CompressionLedgerRow[], key: 'parameters' | 'nonzero') =>
    of.reduce((total, row) => total + row[key], 0);
  const elements = sum(kernels, 'parameters');
  return {
    rows,
    totals: {
      parameters: ledger.total.parameters,
      sparsity: elements === 0 ? 0 : 1 - sum(kernels, 'nonzero') / elements,
      macs: macs?.total ?? null,
      nonzeroMacs: macs && rows.reduce((total, row) => total + row.nonzeroMacs!, 0),
      rawBytes: ledger.total.rawBytes,
      packedBytes: ledger.total.packedBytes,
    },
  };
}

function describeLayer(
  layer: TopologyLayer,
  ledger: ReadonlyMap<string, CompressionLedgerRow>,
  { inputs }: CompressedModel,
  macs: MacCount | null,
): LayerReport {
  const rows = layer.weights.map(({ name }) => ledger.get(name)!);
  const kernel = ledger.get(kernelOf(layer)?.weight.name ?? '');
  const sum = (key: 'parameters' | 'rawBytes' | 'packedBytes') =>
    rows.reduce((total, row) => total + row[key], 0);
  const layerMacs = macs && (macs.byLayer.get(layer.name) ?? 0);
  return {
    name: layer.name,
    className: layer.className,
    parameters: sum('parameters'),
    sparsity: kernel?.sparsity ?? null,
    bits: kernel?.bits ?? null,
    inputBits: inputs.get(layer.name) ? 8 : null,
    macs: layerMacs,
    nonzeroMacs: layerMacs && nonzeroMacs(layer, layerMacs),
    rawBytes: sum('rawBytes'),
    packedBytes: sum('packedBytes'),
    sqnrDb: kernel?.sqnrDb ?? null,
  };
}

/** Every element of the kernels of a layer is used equally often. */
function nonzeroMacs({ weights }: TopologyLayer, macs: number): number {
  const kernels = weights.filter(({ role }) => role.endsWith('kernel'));
  const elements = kernels.reduce((total, { data }) => total + data.length, 0);
  const kept = kernels.reduce(
    (total, { data }) => total + data.reduce((count, value) => count + (value === 0 ? 0 : 1), 0),
    0,
  );
  return elements === 0 ? 0 : Math.round((macs * kept) / elements);
}

/** All weights; kernels as matrices `[rows, outputs]`, as codes where there are some. */
function storedTensors({ topology, codes }: CompressedModel): StoredTensor[] {
  return topology.layers.flatMap((layer) => {
    const kernel = kernelOf(layer);
    return layer.weights.map((weight) => {
      const { name, data } = weight;
      if (!kernel || weight !== kernel.weight) {
        return { name, dtype: 'float32' as const, shape: weight.shape, data };
      }
      const shape = [kernel.rows, kernel.outputs];
      const coded = codes.get(name);
      return coded
        ? { name, dtype: 'int8' as const, shape, data: coded.codes, quantization: coded.quantization }
        : { name, dtype: 'float32' as const, shape, data };
    });
  });
}

/** The kernels alone: moving statistics and biases change while a model trains, without any coding. */
function kernelTensors(topology: ModelTopology): StoredTensor[] {
  return topology.layers.flatMap((layer) => {
    const kernel = kernelOf(layer);
    if (!kernel) return [];
    const { rows, outputs, weight } = kernel;
    return [{ name: weight.name, dtype: 'float32', shape: [rows, outputs], data: weight.data }];
  });
}

function assertCodesFit({ topology, codes }: CompressedModel): void {
  const kernels = new Map(
    topology.layers.flatMap((layer) => {
      const kernel = kernelOf(layer);
      return kernel ? [[kernel.weight.name, elementCount(kernel.weight.shape)] as const] : [];
    }),
  );
  for (const [name, coded] of codes) {
    const size = kernels.get(name);
    if (size === coded.codes.length) continue;
    throw new InvalidArgumentError(`The codes of "${name}" belong to no kernel of the model`, {
      expected: size ?? [...kernels.keys()],
      actual: coded.codes.length,
    });
  }
}

function describeFile(
  { format, bytes, gzipBytes, brotliBytes }: CompressedFile,
  rawBytes: number,
): FileReport {
  const sizes = [bytes, gzipBytes ?? 1, brotliBytes ?? 1];
  if (!sizes.every((size) => Number.isSafeInteger(size) && size >= 1)) {
    throw new InvalidArgumentError(`The size of a file is impossible: ${format}`, {
      expected: 'whole bytes, at least one',
      actual: sizes,
    });
  }
  return {
    format,
    bytes,
    gzipBytes: gzipBytes ?? null,
    brotliBytes: brotliBytes ?? null,
    ratio: rawBytes / bytes,
  };
}

function describeAccuracy({
  original,
  denseControl,
  compressed,
}: NonNullable<CompressionReportInput['outcomes']>): AccuracySection {
  return {
    againstOriginal: comparePaired(original, compressed),
    againstDenseControl: denseControl ? comparePaired(denseControl, compressed) : null,
    original: countCorrect(original),
    denseControl: denseControl ? countCorrect(denseControl) : null,
    compressed: countCorrect(compressed),
  };
}

function countCorrect(outcomes: Outcomes): AccuracyReport {
  const correct = outcomes.reduce((sum, outcome) => sum + outcome, 0);
  const { estimate, low, high } = wilsonInterval(correct, outcomes.length);
  return { correct, count: outcomes.length, accuracy: estimate, low, high };
}
