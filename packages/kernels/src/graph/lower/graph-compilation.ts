import { kernelKey } from '@qedge/codegen';
import {
  InvalidArgumentError,
  type OperatorModel,
  type OperatorNode,
  type OperatorOf,
  type Precision,
  ShapeMismatchError,
  UnsupportedError,
} from '@qedge/core';
import { type BindingContext, type KernelSteps, writeBlock } from '../../engine/binding.ts';
import { KernelCalls, type PlacedSteps } from '../../engine/kernel-calls.ts';
import type {
  CompiledGraphMemory,
  CompiledGraphParts,
  CompiledGraphReport,
  NodeReport,
  Runnable,
  TracedNode,
} from '../compiled-graph.ts';
import { withNodeName } from '../graph-builder.ts';
import type { CustomOperators } from '../operators/custom-operator.ts';
import type { ValueData } from '../operators/operator-definition.ts';
import { customOperator } from '../operators/registry.ts';
import type { ExecutionPlan } from '../plan/execution-plan.ts';
import { CountedWeights } from './counted-weights.ts';
import { bytesOfNode, operationsOf } from './estimate-operations.ts';
import { type GraphValue, GraphValues } from './graph-values.ts';
import { lowerNode } from './lowerers.ts';
import { type IntegerProduct, integerProductSteps } from './quantized-products.ts';

/** What a graph is compiled for. */
export interface CompilationTarget {
  readonly precision: Precision;
  readonly customs: CustomOperators;
  /** Products on codes, by the name of their node. */
  readonly products: ReadonlyMap<string, IntegerProduct>;
}

/** A node as kernels, a function, or both. */
interface PlannedNode {
  /** Runs before the kernels. */
  readonly call: Runnable | null;
  readonly steps: PlacedSteps;
  readonly outputs: readonly GraphValue[];
}

/** Every node with the places of its kernels and values; no code yet. */
export interface PlannedGraph {
  readonly nodes: readonly PlannedNode[];
  readonly inputs: Readonly<Record<string, ValueData>>;
  readonly outputs: Readonly<Record<string, ValueData>>;
  readonly memory: CompiledGraphMemory;
  readonly report: CompiledGraphReport;
  /** Constants that were copied to the arena. */
  readonly constants: readonly { readonly name: string; readonly data: ValueData['data'] }[];
}

/** Turns the nodes of a planned graph into calls, in their order. */
export class GraphCompilation {
  readonly #context: BindingContext;
  readonly #model: OperatorModel;
  readonly #plan: ExecutionPlan;
  readonly #target: CompilationTarget;
  readonly #values: GraphValues;
  readonly #weights: CountedWeights | null;
  readonly #reports: NodeReport[] = [];
  #argumentBytes = 0;

  /** @throws BudgetExceededError when the arena of the context is too small. */
  constructor(context: BindingContext, model: OperatorModel, plan: ExecutionPlan, target: CompilationTarget) {
    this.#weights = context.packedWeights === undefined ? null : new CountedWeights(context.packedWeights);
    this.#context = this.#weights === null ? context : { ...context, packedWeights: this.#weights };
    this.#model = model;
    this.#plan = plan;
    this.#target = target;
    this.#values = new GraphValues(this.#context, model, plan);
  }

  /** Generates the kernels. @throws as `compileGraph`. */
  finish(): Omit<CompiledGraphParts, 'verify' | 'onDispose'> {
    const { nodes, inputs, outputs, memory, report } = this.plan();
    const segments = this.#segments(nodes);
    const traced = nodes.map((node) => this.#traced(node));
    return { inputs, outputs, segments, nodes: traced, memory, report, lifetime: this.#context.lifetime };
  }

  /** To be called once. @throws as `compileGraph`. */
  plan(): PlannedGraph {
    const { graph } = this.#model;
    const { arena, team } = this.#context;
    const nodes = graph.nodes.map((node) => {
      return atNode(node, () => this.#planNode(node));
    });
    const named = (names: readonly string[]) => {
      return Object.fromEntries(names.map((name) => [name, valueData(this.#values.get(name))]));
    };
    const [inputs, outputs] = [named(graph.inputs), named(graph.outputs)];
    const mappedBytes = this.#weights?.mappedBytes ?? 0;
    return {
      nodes,
      inputs,
      outputs,
      constants: this.#values.placedConstants(),
      memory: {
        arenaBytes: this.#plan.arenaBytes,
        arenaLowerBoundBytes: this.#plan.arenaLowerBoundBytes,
        weightBytes: arena.usedBytes - this.#argumentBytes - this.#plan.arenaBytes,
        mappedBytes,
        scratchBytes: arena.temporaryBytes,
        argumentBytes: this.#argumentBytes,
      },
      report: {
        precision: this.#target.precision,
        threads: team?.size ?? 1,
        nodes: this.#reports,
        steps: this.#reports.reduce((sum, { steps }) => sum + steps, 0),
        kernels: 'generated',
        reason: null,
      },
    };
  }

  #planNode(node: OperatorNode): PlannedNode {
    const inputs = node.inputs.map((name) => (name === null ? null : this.#values.get(name)));
    const outputs = node.outputs.map((name) => this.#values.get(name));
    const { operator } = node;
    if (operator.kind === 'custom') {
      const call = customCall(node, operator, inputs, outputs, this.#target.customs);
      this.#report(node, { precision: 'float32', reason: null }, 1);
      return { call, steps: [], outputs };
    }
    let call: Runnable | null = null;
    const callBefore = (run: () => void) => {
      call = { run };
    };
    let how: Pick<NodeReport, 'precision' | 'reason'> = { precision: 'float32', reason: null };
    const plan = (): KernelSteps => {
      if (this.#plan.aliases.has(node.name) || outputs.every(({ length }) => length === 0)) return [];
      const report = (precision: Precision, reason: string | null) => {
        how = { precision, reason };
      };
      const { precision } = this.#target;
      const context = this.#context;
      const product = this.#target.products.get(node.name);
      if (product !== undefined) {
        report('int8', null);
        return integerProductSteps(context, node, product, inputs[0]!, inputs[1]!, outputs[0]!);
      }
      return lowerNode({ operator, inputs, outputs, context, precision, report, callBefore });
    };
    const steps = this.#context.arena.reuse(plan).filter(({ length }) => length > 0);
    this.#report(node, how, steps.length);
    return { call, steps: this.#place(steps), outputs };
  }

  #report(node: OperatorNode, how: Pick<NodeReport, 'precision' | 'reason'>, steps: number): void {
    const { graph } = this.#plan;
    const work = { operations: operationsOf(graph, node), bytes: bytesOfNode(graph, node) };
    this.#reports.push({ name: node.name, kind: node.operator.kind, ...how, steps, ...work });
  }

  #place(steps: KernelSteps): PlacedSteps {
    const { arena } = this.#context;
    const before = arena.usedBytes;
    const placed = steps.map((parts) => {
      return parts.map(({ description, fields }) => {
        // Refuses, under the node's name and before any is generated, what no kernel can compute.
        kernelKey(description);
        return { description, block: writeBlock(arena, fields).address };
      });
    });
    this.#argumentBytes += arena.usedBytes - before;
    return placed;
  }

  /** Kernels that follow each other are one list of calls. */
  #segments(nodes: readonly PlannedNode[]): Runnable[] {
    const segments: Runnable[] = [];
    let pending: PlacedSteps[number][] = [];
    const flush = () => {
      if (pending.length > 0) segments.push(this.#load(pending));
      pending = [];
    };
    for (const { call, steps } of nodes) {
      if (call !== null) {
        flush();
        segments.push(call);
      }
      pending.push(...steps);
    }
    flush();
    return segments;
  }

  #load(steps: PlacedSteps): Runnable {
    const { host, team, arena } = this.#context;
    return KernelCalls.load(host, team, steps, arena.memory);
  }

  #traced(node: PlannedNode): TracedNode {
    return {
      outputs: node.outputs.map((value) => {
        const { name, dtype, shape, data } = value;
        return { name, spec: { dtype, shape }, data };
      }),
      prepare: () => this.#segments([node]),
    };
  }
}

/** Adds the node's name to what is wrong with the node; what is wrong with memory, files or code has nothing to do with it. */
function atNode<Result>({ name, operator }: OperatorNode, work: () => Result): Result {
  try {
    return work();
  } catch (cause) {
    const isOfNode = cause instanceof UnsupportedError || cause instanceof ShapeMismatchError;
    if (!isOfNode && !(cause instanceof InvalidArgumentError)) throw cause;
    return withNodeName(name, operator, () => {
      throw cause;
    });
  }
}

function valueData({ dtype, shape, data }: GraphValue): ValueData {
  return { dtype, shape, data };
}

/** The arguments are made once. What the function throws is thrown with the name of the node. */
function customCall(
  { name }: OperatorNode,
  operator: OperatorOf<'custom'>,
  inputs: readonly (GraphValue | null)[],
  outputs: readonly GraphValue[],
  customs: CustomOperators,
): Runnable {
  const { attributes } = operator;
  const custom = customOperator(operator.operator, customs);
  const lentInputs = inputs.map((input) => (input === null ? null : valueData(input)));
  const lentOutputs = outputs.map(valueData);
  const evaluate = () => custom.evaluate(lentInputs, lentOutputs, attributes);
  return { run: () => withNodeName(name, operator, evaluate) };
}
