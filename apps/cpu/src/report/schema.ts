import { z } from 'zod';

/** Version of the report's shape. Minor versions only add keys; a major version may remove or rename them. */
export const REPORT_SCHEMA_VERSION = '1.0.0';

const fraction = z.number().min(0).max(1);
const provenance = z.enum(['measured', 'calibrated', 'modelled']);

const capability = z.object({
  name: z.string(),
  available: z.boolean(),
  reason: z.string(),
  remedy: z.string().nullable(),
});

const fallback = z.object({ from: z.string(), to: z.string(), why: z.string() });

const accuracy = z
  .object({ accuracy: fraction, low: fraction, high: fraction, correct: z.int(), count: z.int() })
  .describe('Share of the test digits that are recognised, with the 95 % Wilson interval');

const energy = z
  .object({ joules: z.number(), provenance, relativeError: z.number(), method: z.string() })
  .describe('relativeError is the half-width of the error band as a fraction');

const summary = z
  .object({
    count: z.int(),
    mean: z.number(),
    standardDeviation: z.number(),
    min: z.number(),
    p50: z.number(),
    p95: z.number(),
    p99: z.number(),
    max: z.number(),
  })
  .describe('Milliseconds per call; over batches of callsPerSample calls where a call is short');

const ledgerRow = z.object({
  layer: z.string(),
  shape: z.array(z.int()),
  parameters: z.int(),
  nonzero: z.int(),
  sparsity: fraction,
  bits: z.int(),
  packedBytes: z.int(),
  signalToNoiseDecibel: z.number().nullable(),
});

const modelFile = z.object({
  name: z.string(),
  precision: z.string(),
  path: z.string(),
  bytes: z.int(),
  sparsity: fraction,
  accuracy,
});

const model = z.object({
  name: z.string(),
  layers: z.array(z.int()).describe('Width of every layer, input first'),
  parameters: z.int(),
  multiplyAccumulates: z.int().describe('Per inference'),
  accuracyFloat32: fraction,
  accuracyDenseControl: fraction.describe('The dense model with as many extra epochs as compression used'),
  accuracyPruned: fraction,
  accuracyInt8: fraction,
  accuracyCompressed: fraction.describe('The int4 model, the one in compressedFile'),
  intervals: z.record(z.string(), accuracy),
  epochs: z.object({ base: z.int(), extra: z.int() }),
  bytesFloat32: z.int().describe('On disk'),
  bytesCompressed: z.int().describe('On disk'),
  compressionRatio: z.number(),
  compressedFile: z.string().describe('Relative to the report'),
  files: z.array(modelFile),
  ledger: z.array(ledgerRow),
  training: z.array(
    z.object({
      stage: z.string(),
      epoch: z.int(),
      loss: z.number(),
      validationAccuracy: z.number().nullable(),
      durationMs: z.number(),
    }),
  ),
});

const memory = z.object({
  loading: z.enum(['mapped', 'copied']),
  fallbacks: z.array(fallback),
  openMs: z.number().describe('Open, check the header; no tensor touched'),
  fileBytes: z.int(),
  residency: z.array(
    z.object({ name: z.string(), loadedBeforeFirstUse: z.boolean(), residentBytes: z.int() }),
  ),
  arena: z.object({ bytes: z.int(), lowerBoundBytes: z.int() }),
  pool: z.object({ allocations: z.int(), reuses: z.int(), peakBytesInUse: z.int() }),
  steadyState: z.object({
    inferences: z.int(),
    heapGrowthBytes: z.number().describe('Everything allocated, nothing collected in between'),
    garbageCollectionForced: z.boolean().describe('Before the first inference counted'),
  }),
});

const inference = z.object({
  device: z.string(),
  fallbacks: z.array(fallback),
  checks: z.array(
    z.object({
      precision: z.string(),
      against: z.string(),
      digits: z.int(),
      sameAnswer: z.int(),
      largestLogitDifference: z.number(),
      largestLogit: z.number(),
    }),
  ),
});

const tracePoint = z.object({
  timeMs: z.number(),
  batteryFraction: z.number().nullable(),
  temperatureCelsius: z.number().nullable(),
  supply: z.string(),
  precision: z.string(),
  changed: z.boolean(),
  reason: z.string(),
});

const power = z.object({
  source: z.string(),
  provenance,
  sensors: z.array(capability),
  trace: z.string(),
  decisions: z.array(tracePoint),
  strategies: z.array(
    z.object({ name: z.string(), inferences: z.int(), accuracy: fraction, energy, switches: z.int() }),
  ),
  job: energy.describe('The whole job, from the best source this machine has'),
});

const quantumPoint = z.object({
  name: z.string(),
  bondLengthAngstrom: z.number(),
  energyHartree: z.number(),
  exactHartree: z.number(),
  referenceHartree: z.number().describe('Full configuration interaction by an independent program'),
  hartreeFockHartree: z.number(),
  errorHartree: z.number(),
  fidelity: fraction.describe('Overlap with the exact ground state').nullable(),
  iterations: z.record(z.string(), z.int()),
  errorByOptimizer: z.record(z.string(), z.number()),
  evaluations: z.int(),
});

const resources = z.object({
  width: z.int().describe('Qubits that something acts on'),
  depth: z.int(),
  twoQubitDepth: z.int(),
  twoQubitGates: z.int(),
  gateCounts: z.record(z.string(), z.int()),
  estimatedMicroseconds: z.number().nullable(),
  estimatedTimeUnavailable: z.string().nullable().describe('Why there is no time; null when there is one'),
});

const quantum = z.object({
  molecule: z.string(),
  basis: z.string(),
  points: z.array(quantumPoint),
  convergence: z
    .record(z.string(), z.array(z.number()))
    .describe('Error in hartree per iteration of a harder circuit, by optimiser'),
  convergenceNote: z.string(),
  compiled: z.object({
    target: z.string(),
    verified: z.boolean(),
    before: resources,
    after: resources,
    passes: z.array(
      z.object({ name: z.string(), durationMs: z.number(), gatesBefore: z.int(), gatesAfter: z.int() }),
    ),
    drawing: z.string(),
  }),
});

const monitor = z.object({
  spans: z.array(
    z.object({
      id: z.int(),
      parentId: z.int().nullable(),
      name: z.string(),
      startMs: z.number(),
      endMs: z.number(),
      status: z.string(),
    }),
  ),
  series: z.array(
    z.object({
      name: z.string(),
      unit: z.string(),
      labels: z.record(z.string(), z.string()).describe('For power: provenance'),
      points: z.array(z.tuple([z.number(), z.number()])).describe('Milliseconds since the job began, value'),
    }),
  ),
  anomalies: z.array(
    z.object({ kind: z.string(), metric: z.string(), severity: z.string(), explanation: z.string() }),
  ),
  checked: z.array(z.string()).describe('The kinds of anomaly that were looked for'),
});

const benchmark = z.object({
  name: z.string(),
  implementation: z.string(),
  precision: z.string(),
  batch: z.int(),
  callsPerSample: z
    .int()
    .describe(
      'A sample is the mean of so many calls: 1 for calls of 50 microseconds and more, else enough for the clock',
    ),
  summary,
  samplesMs: z.array(z.number()).describe('Evenly thinned for plotting; the summary is over all samples'),
  throughputPerSecond: z.number(),
  speedup: z
    .object({ ratio: z.number(), low: z.number(), high: z.number(), verdict: z.string() })
    .nullable()
    .describe('Against tfjs at the same batch, from interleaved rounds, with a bootstrap 95 % interval'),
  energy: energy.describe('Per digit, metered apart from the timing'),
});

const change = z.object({
  metric: z.string(),
  unit: z.string(),
  previous: z.number().nullable(),
  current: z.number(),
  changeFraction: z.number().nullable(),
  verdict: z.string(),
  explanation: z.string(),
});

const bench = z.object({
  peer: z.string(),
  subjects: z.array(benchmark),
  comparison: z.object({ previousRuns: z.int(), changes: z.array(change) }),
});

/** The whole report of one run of the main job. */
export const reportSchema = z
  .object({
    schemaVersion: z.literal(REPORT_SCHEMA_VERSION),
    generatedAt: z.iso.datetime(),
    durationSeconds: z.number(),
    seed: z.int(),
    quick: z.boolean(),
    machine: z.record(z.string(), z.unknown()),
    capabilities: z.array(capability),
    data: z.object({
      name: z.string(),
      source: z.string(),
      train: z.int(),
      validation: z.int(),
      test: z.int(),
      inputShape: z.array(z.int()),
    }),
    model,
    memory,
    inference,
    power,
    quantum,
    monitor,
    bench,
  })
  .describe('Report of the main job of Quantum Edge');

export type Report = z.infer<typeof reportSchema>;
export type AccuracyFigure = z.infer<typeof accuracy>;
export type BenchmarkFigure = z.infer<typeof benchmark>;

/** The published JSON Schema (draft 2020-12) of `report.json`. */
export function reportJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(reportSchema, { target: 'draft-2020-12' }) as Record<string, unknown>;
}
