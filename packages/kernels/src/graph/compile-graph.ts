import type { KernelMemory } from '@qedge/codegen';
import {
  BudgetExceededError,
  formatShape,
  InvalidArgumentError,
  isPrecision,
  type OperatorGraph,
  type OperatorModel,
  type Precision,
  type Shape,
} from '@qedge/core';
import type { Arena } from '../engine/arena.ts';
import { type BindingContext, fewestMicroseconds } from '../engine/binding.ts';
import type { KernelEngine } from '../engine/kernel-engine.ts';
import type { PackedWeights } from '../engine/packed-weights.ts';
import { CompiledGraph } from './compiled-graph.ts';
import { estimateOperations } from './lower/estimate-operations.ts';
import { type CompilationTarget, GraphCompilation } from './lower/graph-compilation.ts';
import { useIntegerProducts } from './lower/quantized-products.ts';
import { sparseIntegerDensity } from './lower/sparse-weights.ts';
import type { CustomOperators } from './operators/custom-operator.ts';
import { optimizeGraph } from './passes/optimize-graph.ts';
import type { ExecutionPlan } from './plan/execution-plan.ts';
import { planExecution } from './plan/plan-execution.ts';
import { valueByteLength } from './plan/value-bytes.ts';
import { requireFunction, requireObject, requireOperatorModel } from './require-arguments.ts';
import { validateGraph } from './validate-graph.ts';

/** Options of {@link compileGraph}. */
export interface CompileGraphOptions {
  /**
   * Default `float32`. What cannot be computed at another one is computed at float32; the report says why.
   * - `float16`: weights of products and convolutions are stored so, and widened when they are read;
   * - `int8`: products and convolutions on integers, weights with a scale per output, activations with a scale and zero point per
   *   row, which are found when the kernel runs;
   * - `int4`: products with weights and activations in groups of 32 that share a scale.
   */
  readonly precision?: Precision;
  /** Operators of the user that nodes of kind `custom` name. */
  readonly customs?: CustomOperators;
  /** False: the graph is computed as it is. Default true: constants, normalisations and activations are folded first. */
  readonly optimize?: boolean;
  /** Makes what knows weights that were packed before, and is told what is packed. The graph owns it. */
  readonly packedWeights?: (arena: Arena) => OwnedWeights;
  /** @internal What {@link CompiledGraphReport.reason} says. */
  readonly reason?: string | null;
}

/** Packed weights that one compiled graph owns. */
export interface OwnedWeights extends PackedWeights, Partial<Disposable> {
  /** Called before every run; throws when what was found must not be read any more. Must not allocate. */
  verify?(): void;
}

/** What a step costs more in a graph that threads share and which are awake, in microseconds: all of them wait for each other. Measured. */
const BARRIER_MICROSECONDS = 3;

/** How many times as fast as float32 whole models are, about: measured on Zen 4 with products of 100 columns and more. */
const OPERATION_SPEED: Readonly<Record<Precision, number>> = { float32: 1, float16: 1, int8: 3, int4: 2 };

/** Bytes beside values and weights: arguments and small constants. */
const SPARE_BYTES = 2 ** 20;
const ARGUMENT_BYTES_PER_NODE = 4096;

/** The most that a WebAssembly memory holds. */
const MOST_BYTES = 2 ** 32 - 2 ** 20;

/**
 * Compiles a graph for the machine of an engine: optimises it, plans its memory, packs its weights, and generates and verifies its kernels.
 *
 * @throws UnsupportedError naming a node that no kernel can compute; what `validateGraph` throws for a graph that is none;
 *   InvalidArgumentError for weights that do not fit the graph and for an unknown precision; BudgetExceededError for more memory than
 *   the machine can have; VerificationError when generated code is wrong; UseAfterReleaseError after the engine's `dispose`.
 * @example
 * using engine = await createKernelEngine();
 * using compiled = compileGraph(model, engine, { precision: 'int8' });
 */
export function compileGraph(
  model: OperatorModel,
  engine: KernelEngine,
  options: CompileGraphOptions = {},
): CompiledGraph {
  requireObject('The engine', engine, 'what createKernelEngine gives');
  requireFunction('bindingContext of the engine', engine.bindingContext);
  const { packedWeights, reason = null } = options;
  // Files keep packed weights, and those of sparse products are not among them.
  const density = packedWeights === undefined ? sparseIntegerDensity(engine) : 0;
  const prepared = prepareCompilation(model, options, density);
  return withEnoughBytes(prepared, (byteLength) => {
    const context = contextOf(engine, byteLength, prepared);
    const packed = packedWeights?.(context.arena);
    const used = packed === undefined ? context : { ...context, packedWeights: packed };
    try {
      const { report, ...parts } = compilationOf(used, prepared).finish();
      return new CompiledGraph({
        ...parts,
        report: { ...report, reason },
        verify: () => packed?.verify?.(),
        onDispose: () => packed?.[Symbol.dispose]?.(),
      });
    } catch (error) {
      packed?.[Symbol.dispose]?.();
      throw error;
    }
  });
}

/** A graph that is ready to be bound to memory. */
export interface PreparedCompilation {
  /** Its nodes are in the order of execution. */
  readonly model: OperatorModel;
  readonly plan: ExecutionPlan;
  readonly target: CompilationTarget;
}

/**
 * Everything of a compilation that needs no machine.
 *
 * @param sparseDensity products on codes with at most this share of weights that are not 0 are left to sparse products.
 * @throws as {@link compileGraph}.
 */
export function prepareCompilation(
  model: OperatorModel,
  { precision = 'float32', customs = {}, optimize = true }: CompileGraphOptions,
  sparseDensity = 0,
): PreparedCompilation {
  if (!isPrecision(precision)) {
    throw new InvalidArgumentError('The precision is not known', {
      expected: 'float32, float16, int8 or int4',
      actual: precision,
    });
  }
  requireOperatorModel(model);
  validateGraph(model.graph, { customs });
  requireSizes(model.graph);
  const chosen = optimize ? optimizeGraph(model).model : model;
  const { model: optimized, products } = useIntegerProducts(chosen, sparseDensity);
  const plan = planExecution(optimized.graph);
  requireArena(plan);
  return {
    model: { graph: plan.graph, weights: optimized.weights },
    plan,
    target: { precision, customs, products },
  };
}

/** What goes in and out is there whatever the optimiser does. @throws BudgetExceededError before any work. */
function requireSizes({ inputs, outputs, values }: OperatorGraph): void {
  for (const name of [...inputs, ...outputs]) {
    const byteLength = valueByteLength(values[name]!);
    if (byteLength > MOST_BYTES) throw tooLarge(`The value "${name}" is`, byteLength, values[name]!.shape);
  }
}

/** @throws BudgetExceededError naming the largest value where all that live at once do not fit, before anything is generated or packed. */
function requireArena({ arenaLowerBoundBytes, graph, locations }: ExecutionPlan): void {
  if (arenaLowerBoundBytes <= MOST_BYTES) return;
  const [name] = [...locations].reduce((most, each) =>
    each[1].byteLength > most[1].byteLength ? each : most,
  );
  const { shape } = graph.values[name]!;
  throw tooLarge(
    `The values of the graph, of which "${name}" is the largest, are`,
    arenaLowerBoundBytes,
    shape,
  );
}

function tooLarge(what: string, byteLength: number, shape: Shape): BudgetExceededError {
  return new BudgetExceededError(`${what} too large for one memory`, {
    expected: `at most ${MOST_BYTES} bytes`,
    actual: `${byteLength} bytes, ${formatShape(shape)}`,
    remedy: 'Choose smaller inputs or a smaller batch.',
  });
}

/** To be used once. */
export function compilationOf(
  context: BindingContext,
  { model, plan, target }: PreparedCompilation,
): GraphCompilation {
  return new GraphCompilation(context, model, plan, target);
}

/** Calls `attempt` with more memory until there is enough. */
export function withEnoughBytes<Result>(
  { plan }: Pick<PreparedCompilation, 'plan'>,
  attempt: (byteLength: number) => Result,
): Result {
  let byteLength = Math.ceil(estimateBytes(plan) / 64) * 64;
  for (;;) {
    try {
      return attempt(byteLength);
    } catch (error) {
      if (!(error instanceof BudgetExceededError) || byteLength >= MOST_BYTES) throw error;
      byteLength = Math.min(MOST_BYTES, byteLength * 3);
    }
  }
}

/** A guess that is enough for most graphs; memory that is not touched costs nothing. */
function estimateBytes({ graph, arenaBytes }: ExecutionPlan): number {
  const constants = graph.constants.reduce((sum, name) => sum + valueByteLength(graph.values[name]!), 0);
  const nodes = graph.nodes.length * ARGUMENT_BYTES_PER_NODE;
  return Math.min(MOST_BYTES, 2 * arenaBytes + 1.5 * constants + nodes + SPARE_BYTES);
}

/** All steps of a graph run in one handoff: threads are used where the graph as a whole is worth that. */
export function contextOf(
  engine: KernelEngine,
  memory: number | KernelMemory,
  { model: { graph }, target: { precision } }: PreparedCompilation,
): BindingContext {
  const context = engine.bindingContext(memory);
  const { host, team } = context;
  if (team === null) return context;
  const operations = estimateOperations(graph) / OPERATION_SPEED[precision];
  const saved = fewestMicroseconds(host, operations) * (1 - 1 / team.size);
  const barriers = graph.nodes.length * BARRIER_MICROSECONDS;
  if (saved <= 2 * team.handoffMicroseconds + barriers) return { ...context, team: null };
  return { ...context, divisionMicroseconds: Math.min(BARRIER_MICROSECONDS, team.handoffMicroseconds) };
}
