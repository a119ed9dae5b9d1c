import {
  defaultGemmBlocking,
  GEMM_ARGUMENT_COUNT,
  GEMM_ARGUMENTS,
  type GemmDescription,
  gemmPanelBytes,
  gemmPanelColumns,
  packGemmPanels,
  type TargetTraits,
} from '@qedge/codegen';
import { type BlockFields, blockFields } from '../engine/binding.ts';
import { divide, type Section } from '../engine/split-work.ts';
import type { Float32DenseStep } from '../float32-model.ts';
import type { DenseLayer, LayerOptions, LayerPlaces } from './dense-layer.ts';
import type { ModelStep } from './model-kernel.ts';

const LINE_BYTES = 64;

/** Lays out a float32 dense layer: its kernel in panels, then its bias. */
export function float32Layer(step: Float32DenseStep, { traits }: LayerOptions): DenseLayer {
  const { inputSize: depth, units, kernel, bias } = step;
  const panelColumns = gemmPanelColumns(traits);
  const shape = { depth, columns: units, panelColumns, format: 'float32' } as const;
  const panelBytes = gemmPanelBytes({ ...shape, columns: panelColumns });
  const biasOffset = Math.ceil(gemmPanelBytes(shape) / LINE_BYTES) * LINE_BYTES;
  const fields = (places: LayerPlaces, { from }: Section): BlockFields => {
    return blockFields(GEMM_ARGUMENT_COUNT, {
      [GEMM_ARGUMENTS.a]: places.input,
      [GEMM_ARGUMENTS.b]: places.weights + (from / panelColumns) * panelBytes,
      [GEMM_ARGUMENTS.c]: places.output + from * 4,
      [GEMM_ARGUMENTS.bias]: bias === null ? 0 : places.weights + biasOffset + from * 4,
    });
  };
  return {
    step,
    weightBytes: biasOffset + (bias === null ? 0 : units * 4),
    codeBytes: 0,
    pack(target) {
      packGemmPanels(shape, { values: kernel, rowStride: units, columnStride: 1 }, target);
      if (bias !== null) new Float32Array(target.buffer, target.byteOffset + biasOffset, units).set(bias);
    },
    steps(places, threads): ModelStep[] {
      const sections = divide(units, threads, panelColumns);
      return [
        sections.map((section) => {
          const describe = (batch: number) => describeLayer(step, batch, section.count, traits);
          return { describe, fields: fields(places, section), rows: null };
        }),
      ];
    },
  };
}

function describeLayer(
  { units, inputSize: depth, relu, bias }: Float32DenseStep,
  rows: number,
  columns: number,
  traits: TargetTraits,
): GemmDescription {
  const product = {
    kind: 'gemm',
    batch: 1,
    rows,
    columns,
    depth,
    a: { rowStride: depth, columnStride: 1, batchStride: 0 },
    b: { packed: true, format: 'float32', panelColumns: gemmPanelColumns(traits), batchBytes: 0 },
    c: { rowStride: units, columnStride: 1, batchStride: 0 },
    alpha: 'one',
    beta: 'zero',
    epilogue: { bias: bias !== null, activation: relu ? 'relu' : 'none', softmax: false },
  } as const;
  // Rows are read in place, so that the kernel needs no scratch memory.
  return { ...product, blocking: { ...defaultGemmBlocking(product, traits), packA: false } };
}
