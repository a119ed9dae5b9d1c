import type { Operator, OperatorModel, ValueSpec } from '@qedge/core';
import { GraphBuilder } from '../graph-builder.ts';
import type { CustomOperators } from '../operators/custom-operator.ts';
import { type Constant, runtimeDType, toRuntimeNumbers } from './constant.ts';
import type { OnnxElementType } from './element-type.ts';
import { finishModel } from './finish-model.ts';
import type { ImportedValue } from './imported-value.ts';
import type { OnnxNode } from './onnx-model.ts';

/** A value of the model under the name of an output. */
interface NamedOutput {
  readonly name: string;
  readonly value: ImportedValue;
  /** Names the copy, where one is needed. */
  readonly node: OnnxNode;
}

/** Adds operators that stand for ONNX nodes to a graph, with constants where nodes read them. */
export class GraphEmitter {
  readonly #builder: GraphBuilder;
  readonly #inputs = new Set<string>();
  /** Names of constants in the graph. */
  readonly #constants = new Map<Constant, string>();
  /** ONNX's names of computed values, by their names in the graph. */
  readonly #onnxNames = new Map<string, string>();

  constructor(name: string, customs: CustomOperators) {
    this.#builder = new GraphBuilder(name, { customs });
  }

  input(name: string, type: OnnxElementType, shape: readonly number[]): ImportedValue {
    const dtype = runtimeDType(type);
    this.#builder.input(name, { dtype, shape });
    this.#inputs.add(name);
    return { type, shape, dtype, constant: null, name, channelsLast: null };
  }

  /** Adds an operator; its outputs have `type`, or the type of their numbers. */
  emit(
    operator: Operator,
    inputs: readonly (ImportedValue | null)[],
    node: OnnxNode,
    type?: OnnxElementType,
  ): readonly ImportedValue[] {
    const names = inputs.map((input) => input && this.#nameOf(input));
    const base = node.name || node.outputs.find((output) => output !== '') || node.operator;
    return this.#builder.add(operator, names, { name: `${base}/${operator.kind}` }).map((name) => {
      const { dtype, shape } = this.#builder.spec(name);
      return { type: type ?? dtype, shape, dtype, constant: null, name, channelsLast: null };
    });
  }

  /** Keeps ONNX's name of a computed value; the first one counts. */
  remember(value: ImportedValue, name: string): void {
    if (value.name !== null && !this.#onnxNames.has(value.name)) this.#onnxNames.set(value.name, name);
  }

  /** The model with these outputs under their own names; a value that is an input, a constant or an output already is copied. */
  finish(outputs: readonly NamedOutput[]): OperatorModel {
    const names = new Map<string, string>();
    for (const { name, value, node } of outputs) {
      const fresh = value.name !== null && !names.has(value.name) && !this.#inputs.has(value.name);
      const copy = () => this.emit({ kind: 'reshape', shape: value.shape }, [value], node)[0]!;
      const made = (fresh ? value : copy()).name!;
      names.set(made, name);
      this.#builder.output(made);
    }
    return finishModel(this.#builder.finish(), names, this.#onnxNames);
  }

  #nameOf({ name, constant }: ImportedValue): string {
    if (name !== null) return name;
    const known = this.#constants.get(constant!);
    if (known !== undefined) return known;
    const { type, shape } = constant!;
    const dtype = runtimeDType(type);
    const spec: ValueSpec = { dtype, shape };
    const label = constant!.label || 'constant';
    const made = this.#builder.constantFrom(label, spec, () =>
      toRuntimeNumbers(label, constant!.load(), dtype),
    );
    this.#constants.set(constant!, made);
    return made;
  }
}
