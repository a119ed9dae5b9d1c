import type { OperatorModel, ValueDType, ValueSpec } from '@qedge/core';
import { elementCount, InvalidArgumentError, UnsupportedError } from '@qedge/core';
import type { Arena, ArrayConstructor, Place } from '../../engine/arena.ts';
import type { BindingContext } from '../../engine/binding.ts';
import { loadConstant } from '../constant-weights.ts';
import { VALUE_ARRAYS, type ValueData } from '../operators/operator-definition.ts';
import type { ExecutionPlan } from '../plan/execution-plan.ts';

const ARRAYS: Readonly<Record<ValueDType, ArrayConstructor<ValueData['data']>>> = VALUE_ARRAYS;

/** A value of a graph in the memory of its kernels. */
export interface GraphValue extends ValueSpec {
  readonly name: string;
  /** Numbers. */
  readonly length: number;
  readonly isConstant: boolean;
  /** Where kernels find the numbers. A constant is placed when it is first asked for. */
  readonly address: number;
  /** The numbers in the workspace. A constant is copied there when it is first asked for. */
  readonly data: ValueData['data'];
  /** {@link data} of a float32 value. @throws InvalidArgumentError for another dtype. */
  readonly floats: Float32Array;
  /** The numbers of a constant as the model holds them; may read them from a file. @throws UnsupportedError for what is none. */
  load(): ValueData['data'];
}

/** All values of a graph, made when they are first asked for. */
export class GraphValues {
  readonly #context: BindingContext;
  readonly #model: OperatorModel;
  readonly #plan: ExecutionPlan;
  readonly #constants: ReadonlySet<string>;
  readonly #base: Place;
  readonly #known = new Map<string, GraphValue>();

  /** @param plan of the graph of the model. */
  constructor(context: BindingContext, model: OperatorModel, plan: ExecutionPlan) {
    this.#context = context;
    this.#model = model;
    this.#plan = plan;
    this.#constants = new Set(model.graph.constants);
    const { arena } = context;
    const bytes = arena.array(Uint8Array, plan.arenaBytes, 'the values of the graph');
    const address = arena.memory.address + bytes.byteOffset - arena.memory.byteOffset;
    this.#base = { byteOffset: bytes.byteOffset, byteLength: bytes.byteLength, address };
  }

  get(name: string): GraphValue {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const value = this.#constants.has(name) ? this.#constant(name) : this.#variable(name);
    this.#known.set(name, value);
    return value;
  }

  /** Constants that were copied to the arena, and where they begin there. */
  placedConstants(): { readonly name: string; readonly data: ValueData['data'] }[] {
    return [...this.#known.values()]
      .filter((value) => value instanceof ConstantValue && value.isPlaced)
      .map(({ name, data }) => ({ name, data }));
  }

  #variable(name: string): GraphValue {
    const spec = this.#spec(name);
    const location = this.#plan.locations.get(name);
    if (location === undefined) {
      throw new InvalidArgumentError(`The plan has no place for the value "${name}"`, {
        expected: 'a plan of the same graph',
      });
    }
    const length = elementCount(spec.shape);
    const { arena } = this.#context;
    const byteOffset = this.#base.byteOffset + location.byteOffset;
    const data = new ARRAYS[spec.dtype](arena.memory.buffer, byteOffset, length);
    return new PlacedValue(name, spec, data, this.#base.address + location.byteOffset);
  }

  #constant(name: string): GraphValue {
    const spec = this.#spec(name);
    const load = () => loadConstant(this.#model.weights, name, spec).data;
    return new ConstantValue(name, spec, this.#context, load);
  }

  #spec(name: string): ValueSpec {
    const spec = this.#model.graph.values[name];
    if (spec !== undefined) return spec;
    throw new InvalidArgumentError(`The graph has no value "${name}"`, { actual: name });
  }
}

/** A value that an input or a node writes. */
class PlacedValue implements GraphValue {
  readonly name: string;
  readonly dtype: ValueDType;
  readonly shape: ValueSpec['shape'];
  readonly length: number;
  readonly isConstant = false;
  readonly address: number;
  readonly data: ValueData['data'];

  constructor(name: string, { dtype, shape }: ValueSpec, data: ValueData['data'], address: number) {
    this.name = name;
    this.dtype = dtype;
    this.shape = shape;
    this.length = data.length;
    this.data = data;
    this.address = address;
  }

  get floats(): Float32Array {
    return requireFloats(this);
  }

  load(): never {
    throw new UnsupportedError(`"${this.name}" is known at run time only`, {
      expected: 'a constant: kernels want these numbers in an order of their own',
      remedy: 'Make it a constant of the graph.',
    });
  }
}

/** A value that the weight source holds. */
class ConstantValue implements GraphValue {
  readonly name: string;
  readonly dtype: ValueDType;
  readonly shape: ValueSpec['shape'];
  readonly length: number;
  readonly isConstant = true;
  readonly load: () => ValueData['data'];
  readonly #context: BindingContext;
  #data: ValueData['data'] | null = null;

  constructor(
    name: string,
    { dtype, shape }: ValueSpec,
    context: BindingContext,
    load: () => ValueData['data'],
  ) {
    this.name = name;
    this.dtype = dtype;
    this.shape = shape;
    this.length = elementCount(shape);
    this.load = load;
    this.#context = context;
  }

  get address(): number {
    return addressOf(this.#context.arena, this.data);
  }

  get isPlaced(): boolean {
    return this.#data !== null;
  }

  get data(): ValueData['data'] {
    this.#data ??= this.#copy();
    return this.#data;
  }

  get floats(): Float32Array {
    return requireFloats(this);
  }

  #copy(): ValueData['data'] {
    const { arena } = this.#context;
    const copy: ValueData['data'] = arena.array(
      ARRAYS[this.dtype],
      this.length,
      `the constant "${this.name}"`,
    );
    copy.set(this.load());
    return copy;
  }
}

/** The address of an array of a workspace. */
export function addressOf({ memory }: Arena, array: ArrayBufferView): number {
  return memory.address + array.byteOffset - memory.byteOffset;
}

function requireFloats({ name, dtype, data }: Pick<GraphValue, 'name' | 'dtype' | 'data'>): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new InvalidArgumentError(`The value "${name}" has the wrong type`, {
    expected: 'float32',
    actual: dtype,
  });
}
