import { elementCount, type StoredTensor } from '@qedge/core';
import { encodeSafetensors, SafetensorsFile } from '@qedge/memory';
import type { CodedWeight, CompressedModel } from '../model/compressed-model.ts';
import type { TopologyWeight } from '../model/model-topology.ts';
import { compareCodes, compareNumbers } from './compare-weights.ts';
import type { ModelExport } from './export-report.ts';
import { checkCodes } from './operator-model.ts';
import { packNibbles } from './packed-nibbles.ts';
import { readCodedTensors } from './read-coded-tensors.ts';
import {
  CODING_KEY,
  type CodingRecord,
  INPUTS_KEY,
  SCALES_SUFFIX,
  ZERO_POINTS_SUFFIX,
} from './safetensors-names.ts';

/** Options of {@link exportSafetensors}. */
export interface SafetensorsExportOptions {
  /**
   * `int8` (default): one code per byte, which any reader understands. `packed`: codes of at most 4 bits two to a byte, the first in the low
   * half, as a flat `U8` tensor.
   */
  readonly codes?: 'int8' | 'packed';
}

/**
 * Writes the weights as safetensors: codes as `I8` under the name of their weight (or `U8`, packed), scales as `<name>.scales`, zero points that
 * are not 0 as `<name>.zero_points`, everything else as `F32`. How the codes are meant stands in the metadata, as JSON: `qedge.coding` by weight,
 * `qedge.inputs` by layer. The architecture is not in the file.
 *
 * @throws ShapeMismatchError or InvalidArgumentError for codes that do not fit, VerificationError when the file does not give back every bit.
 * @example
 * await saveExport('digits.safetensors', exportSafetensors(compressed));
 */
export function exportSafetensors(
  compressed: CompressedModel,
  { codes = 'int8' }: SafetensorsExportOptions = {},
): ModelExport {
  checkCodes(compressed);
  const tensors: StoredTensor[] = [];
  const coding: Record<string, CodingRecord> = {};
  for (const weight of compressed.topology.layers.flatMap(({ weights }) => weights)) {
    const coded = compressed.codes.get(weight.name);
    if (coded) {
      const isPacked = codes === 'packed' && coded.quantization.bits <= 4;
      tensors.push(...codedTensors(weight, coded, isPacked));
      coding[weight.name] = recordOf(weight, coded, isPacked);
    } else tensors.push({ name: weight.name, dtype: 'float32', shape: weight.shape, data: weight.data });
  }
  const metadata = {
    format: 'qedge-compressed',
    [CODING_KEY]: JSON.stringify(coding),
    [INPUTS_KEY]: JSON.stringify(Object.fromEntries(compressed.inputs)),
  };
  const bytes = encodeSafetensors({ tensors, metadata });
  const compared = compareFile(compressed, bytes);
  return {
    bytes,
    companions: new Map(),
    report: { format: 'safetensors', byteLength: bytes.length, compared },
  };
}

function recordOf({ shape }: TopologyWeight, { quantization }: CodedWeight, packed: boolean): CodingRecord {
  const { bits, symmetric, axis, groupSize } = quantization;
  return { bits, symmetric, perOutput: axis !== null, packed, shape, ...(groupSize ? { groupSize } : {}) };
}

function codedTensors(
  { name, shape }: TopologyWeight,
  { codes, quantization }: CodedWeight,
  packed: boolean,
): StoredTensor[] {
  const { scales, zeroPoints } = quantization;
  const tensors: StoredTensor[] = packed
    ? [{ name, dtype: 'uint8', shape: [Math.ceil(elementCount(shape) / 2)], data: packNibbles(codes) }]
    : [{ name, dtype: 'int8', shape, data: codes }];
  tensors.push({ name: name + SCALES_SUFFIX, dtype: 'float32', shape: [scales.length], data: scales });
  if (zeroPoints.some((zero) => zero !== 0)) {
    tensors.push({
      name: name + ZERO_POINTS_SUFFIX,
      dtype: 'int32',
      shape: [zeroPoints.length],
      data: zeroPoints,
    });
  }
  return tensors;
}

function compareFile({ topology, codes, inputs }: CompressedModel, bytes: Uint8Array) {
  using file = SafetensorsFile.fromBytes(bytes);
  const read = readCodedTensors(file);
  const compared = { codes: 0, numbers: 0, changed: [], outputs: null };
  for (const { name, data } of topology.layers.flatMap(({ weights }) => weights)) {
    const coded = codes.get(name);
    const back = read.codes.get(name);
    if (!coded || !back) compared.numbers += compareNumbers(name, data, file.load(name).data);
    else {
      compared.codes += compareCodes(name, coded.codes, back.codes);
      compared.numbers += compareNumbers(
        `${name} scales`,
        coded.quantization.scales,
        back.quantization.scales,
      );
      compareCodes(`${name} zero points`, coded.quantization.zeroPoints, back.quantization.zeroPoints);
    }
  }
  for (const [layer, { scale, zeroPoint }] of inputs) {
    const input = read.inputs.get(layer);
    compareCodes(`${layer} input`, [scale, zeroPoint], [input?.scale ?? 0, input?.zeroPoint ?? -1]);
  }
  return compared;
}
