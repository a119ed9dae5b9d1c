import { InvalidArgumentError, type Operator, UnsupportedError } from '@qedge/core';
import { decodeTensor } from './decode-tensor.ts';
import type { OnnxElementType } from './element-type.ts';
import type { GraphEmitter } from './graph-emitter.ts';
import { type ImportedValue, requireNumbers } from './imported-value.ts';
import type { OnnxNode, OnnxTensor, ReadExternalData } from './onnx-model.ts';

const TEXT = new TextDecoder();

/** Turns a node into operators; gives its outputs in order, null for one that is never made. */
export type ImportOperator = (context: NodeContext) => ImportedValue | readonly (ImportedValue | null)[];

/** One ONNX node while it is being imported. */
export class NodeContext {
  readonly node: OnnxNode;
  /** Version of the operators of the node's domain. */
  readonly operatorSet: number;
  readonly externalData: ReadExternalData | null;
  /** Values of the inputs; null for one that is left out. */
  readonly inputs: readonly (ImportedValue | null)[];
  readonly #emitter: GraphEmitter;

  constructor(
    emitter: GraphEmitter,
    node: OnnxNode,
    operatorSet: number,
    inputs: readonly (ImportedValue | null)[],
    externalData: ReadExternalData | null,
  ) {
    this.#emitter = emitter;
    this.node = node;
    this.operatorSet = operatorSet;
    this.inputs = inputs;
    this.externalData = externalData;
  }

  /** @throws InvalidArgumentError when the input is left out. */
  input(index: number): ImportedValue {
    const value = this.inputs[index];
    if (value) return value;
    throw new InvalidArgumentError('An input is left out', {
      expected: `input ${index}`,
      actual: `${this.inputs.length} inputs`,
    });
  }

  optional(index: number): ImportedValue | null {
    return this.inputs[index] ?? null;
  }

  /** Known numbers of an optional input; null when it is left out. */
  optionalNumbers(index: number, what: string): number[] | null {
    const value = this.optional(index);
    return value === null ? null : requireNumbers(value, what);
  }

  integer(name: string, otherwise: number): number {
    return this.node.attributes.get(name)?.integer ?? otherwise;
  }

  float(name: string, otherwise: number): number {
    return this.node.attributes.get(name)?.float ?? otherwise;
  }

  text(name: string, otherwise: string): string {
    const bytes = this.node.attributes.get(name)?.text;
    return bytes ? TEXT.decode(bytes) : otherwise;
  }

  /** Null when the attribute is missing. */
  integers(name: string): readonly number[] | null {
    return this.node.attributes.get(name)?.integers ?? null;
  }

  /** Null when the attribute is missing. */
  floats(name: string): readonly number[] | null {
    return this.node.attributes.get(name)?.floats ?? null;
  }

  /** Null when the attribute is missing. */
  texts(name: string): readonly string[] | null {
    return this.node.attributes.get(name)?.texts.map((each) => TEXT.decode(each)) ?? null;
  }

  tensor(name: string): OnnxTensor | null {
    return this.node.attributes.get(name)?.tensor ?? null;
  }

  decode(tensor: OnnxTensor): ReturnType<typeof decodeTensor> {
    return decodeTensor(tensor, this.externalData);
  }

  /** Whether somebody reads output `index`. */
  wants(index: number): boolean {
    return (this.node.outputs[index] ?? '') !== '';
  }

  /** An axis counted from the beginning. @throws InvalidArgumentError when there is no such axis. */
  axis(axis: number, rank: number): number {
    if (Number.isSafeInteger(axis) && axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
    throw new InvalidArgumentError('An axis is out of range', {
      expected: `-${rank} to ${rank - 1}`,
      actual: axis,
    });
  }

  /** Adds an operator with one output. Its type is the one of its numbers unless another is given. */
  emit(operator: Operator, inputs: readonly (ImportedValue | null)[], type?: OnnxElementType): ImportedValue {
    return this.emitAll(operator, inputs, type)[0]!;
  }

  /** Adds an operator. */
  emitAll(
    operator: Operator,
    inputs: readonly (ImportedValue | null)[],
    type?: OnnxElementType,
  ): readonly ImportedValue[] {
    return this.#emitter.emit(operator, inputs, this.node, type);
  }

  /** @throws UnsupportedError when `condition` holds. */
  refuse(condition: boolean, what: string): void {
    if (condition) throw new UnsupportedError(`${this.node.operator} with ${what} is not imported`);
  }
}
