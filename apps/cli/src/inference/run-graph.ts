import { type Shape, summarize, systemClock, throwIfCancelled } from '@qedge/core';
import { assertWritableFile } from '@qedge/core/node';
import type { ModelSource, OptimizedInferenceEngine, OutputValues } from '@qedge/kernels';
import { loadModel, openModelSource } from '@qedge/kernels/node';
import { saveSafetensors } from '@qedge/memory/node';
import type { CommandContext, CommandResult } from '../command.ts';
import { describeProfile, type NodeProfile, profileNodes } from './profile-nodes.ts';
import { readTensorInput } from './tensor-input.ts';

/** What {@link runGraph} is asked for. */
export interface RunGraphOptions {
  /** `random`, a `.safetensors` or a JSON file. */
  readonly input: string;
  readonly shapes: Readonly<Record<string, Shape>>;
  readonly constants: Readonly<Record<string, number>>;
  readonly precision: 'auto' | 'float32' | 'float16' | 'int8' | 'int4';
  readonly threads: number;
  readonly repeats: number;
  readonly seed: number;
  /** Times every node, too. */
  readonly profile?: boolean;
  /** Whether machine code in a prepared file may be run. */
  readonly trusted?: boolean;
  /** A `.safetensors` file for the outputs. */
  readonly output?: string;
}

/** Numbers of an output that are printed; the file has all. */
const PRINTED = 16;

/** Runs any model on named tensors, and tells what that took and holds. */
export async function runGraph(
  context: CommandContext,
  path: string,
  options: RunGraphOptions,
): Promise<CommandResult> {
  if (options.output !== undefined) await assertWritableFile(options.output);
  const startMs = systemClock.nowMs();
  const { constants, trusted = false } = options;
  const source = await openModelSource(path, { constants, trusted });
  const loadMs = systemClock.nowMs() - startMs;
  const input = await readInputs(source, options);
  const { precision, reason } = choosePrecision(options.precision);
  using engine = await loadModel(source, {
    inputShapes: input.shapes,
    precision,
    threads: options.threads,
  });
  engine.prepare(batchOf(engine, input.shapes));
  const values = input.values();
  const first = timed(() => engine.run(values));
  const outputs = copyOutputs(first.result);
  const { planMs, memory, graph } = engine.report().variants[0]!;
  const repeated: number[] = [];
  for (let repeat = 0; repeat < options.repeats; repeat++) {
    throwIfCancelled(context.signal, 'Inference');
    repeated.push(timed(() => engine.run(values)).ms);
  }
  if (options.output !== undefined) await saveOutputs(options.output, outputs);
  const profile = options.profile ? profileOf(engine, options.repeats) : null;
  const { isa, threads, fallbacks } = engine.report();
  const json = {
    model: path,
    device: `cpu, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
    target: isa,
    precision,
    reason,
    fallbacks,
    timings: {
      load: loadMs,
      plan: planMs,
      firstRun: first.ms,
      run: repeated.length > 0 ? summarize(repeated).p50 : null,
    },
    memory: {
      mapped: memory.mappedBytes,
      resident: process.memoryUsage.rss(),
      weights: memory.weightBytes,
      arenaPeak: memory.arenaBytes,
      arenaLowerBound: memory.arenaLowerBoundBytes,
    },
    nodes: graph.nodes.length,
    kernels: graph.kernels,
    // Why they were generated although the file was prepared.
    kernelsReason: graph.reason,
    // What is not computed as asked is named with its reason.
    exceptions: graph.nodes
      .filter((node) => node.reason !== null)
      .map(({ name, kind, reason }) => ({ name, kind, reason })),
    outputs: firstNumbers(outputs),
    ...(profile === null ? {} : { profile }),
  };
  return { json, text: describe(json, engine, options.output) };
}

/** The graph that has just run: its inputs are filled. */
function profileOf(engine: OptimizedInferenceEngine, repeats: number): NodeProfile {
  return profileNodes(engine.prepare(engine.report().variants[0]!.batch), Math.max(1, repeats));
}

/** The first size of the first input that leaves it open. */
function batchOf({ inputs }: OptimizedInferenceEngine, shapes: Readonly<Record<string, Shape>>): number {
  const open = inputs.find(({ shape }) => shape[0] === null);
  return open === undefined ? 1 : shapes[open.name]![0]!;
}

async function readInputs(source: ModelSource, { input, shapes, seed }: RunGraphOptions) {
  try {
    return await readTensorInput(input, source.inputs, shapes, seed);
  } catch (error) {
    source.dispose();
    throw error;
  }
}

function choosePrecision(asked: RunGraphOptions['precision']) {
  if (asked !== 'auto') return { precision: asked, reason: 'asked for' };
  return {
    precision: 'float32' as const,
    reason:
      'the model states no ranges from which the loss of a narrower one could be told; name one to try it',
  };
}

function timed<Result>(run: () => Result): { readonly result: Result; readonly ms: number } {
  const startMs = systemClock.nowMs();
  const result = run();
  return { result, ms: systemClock.nowMs() - startMs };
}

function firstNumbers(outputs: OutputValues) {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { shape, data }]) => [
      name,
      { shape, first: Array.from(data.slice(0, PRINTED)) },
    ]),
  );
}

/** The engine lends its outputs until the next run. */
function copyOutputs(outputs: OutputValues): OutputValues {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, value]) => [name, { ...value, data: value.data.slice() }]),
  );
}

async function saveOutputs(path: string, outputs: OutputValues): Promise<void> {
  const tensors = Object.entries(outputs).map(([name, value]) => ({ name, ...value }));
  await saveSafetensors(path, { tensors });
}

interface Described {
  readonly model: string;
  readonly device: string;
  readonly target: string;
  readonly precision: string;
  readonly reason: string;
  readonly fallbacks: readonly { readonly from: string; readonly to: string; readonly why: string }[];
  readonly timings: Readonly<Record<'load' | 'plan' | 'firstRun', number>> & { readonly run: number | null };
  readonly memory: Readonly<
    Record<'mapped' | 'weights' | 'resident' | 'arenaPeak' | 'arenaLowerBound', number>
  >;
  readonly kernelsReason: string | null;
  readonly exceptions: readonly {
    readonly name: string;
    readonly kind: string;
    readonly reason: string | null;
  }[];
  readonly outputs: Readonly<Record<string, { readonly shape: Shape; readonly first: readonly number[] }>>;
  readonly profile?: NodeProfile;
}

function describe(json: Described, engine: OptimizedInferenceEngine, output: string | undefined): string {
  const { timings, memory, outputs } = json;
  const ms = (value: number | null) => (value === null ? '-' : `${value.toFixed(2)} ms`);
  const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return [
    `${engine.name} at ${json.precision} (${json.reason}) on ${json.device}, ${json.target}`,
    ...json.fallbacks.map(({ from, to, why }) => `note: ${to} instead of ${from}: ${why}`),
    ...(json.kernelsReason === null ? [] : [`note: kernels are generated: ${json.kernelsReason}`]),
    `load ${ms(timings.load)}, plan ${ms(timings.plan)}, first run ${ms(timings.firstRun)}, then ${ms(timings.run)}`,
    `memory: weights mapped ${mebibytes(memory.mapped)}, packed ${mebibytes(memory.weights)}, arena ${mebibytes(memory.arenaPeak)} (at least ${mebibytes(memory.arenaLowerBound)}), process ${mebibytes(memory.resident)}`,
    ...(json.exceptions.length > 0
      ? [
          `${json.exceptions.length} nodes are computed otherwise (--json names them), e.g. ${json.exceptions[0]!.name}: ${json.exceptions[0]!.reason}`,
        ]
      : []),
    ...Object.entries(outputs).map(
      ([name, { shape, first }]) =>
        `${name} [${shape.join(', ')}]: ${first
          .slice(0, 8)
          .map((value) => value.toPrecision(5))
          .join(' ')}${first.length > 8 ? ' ...' : ''}`,
    ),
    ...(json.profile === undefined ? [] : [describeProfile(json.profile)]),
    ...(output === undefined ? [] : [`outputs written to ${output}`]),
  ].join('\n');
}
