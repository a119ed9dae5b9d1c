import {
  type BenchmarkRecord,
  compareInterleaved,
  compareWithHistory,
  measureLatency,
  type Subject,
} from '@qedge/bench';
import { describeMachine, readHistory } from '@qedge/bench/node';
import { type CompiledModel, VerificationError } from '@qedge/core';
import type { EnergyMeter } from '@qedge/power';
import type { DigitSplit } from '../digits.ts';
import type { Job } from '../job.ts';
import type { BenchmarkFigure, Report } from '../report/schema.ts';
import { energyPerDigit } from './follow-power.ts';
import type { ReadyModels } from './run-inference.ts';

const PLOTTED_SAMPLES = 200;

interface Contestant {
  readonly name: string;
  readonly implementation: string;
  readonly model: CompiledModel;
}

/**
 * Times tfjs and our kernels on the same digits in the same run, singly and in batches: ratios from interleaved rounds, then the
 * latency distribution and the energy of each by itself. Every call takes its digits from and leaves its logits in JavaScript
 * arrays, so both sides pay for moving them.
 */
export async function benchmark(
  job: Job,
  ready: ReadyModels,
  meter: EnergyMeter,
  digits: DigitSplit,
): Promise<Pick<Report['bench'], 'peer' | 'subjects'>> {
  const peer = ready.peer.device;
  const contestants: Contestant[] = [
    { name: `${peer} float32`, implementation: peer, model: ready.peer },
    ...[...ready.byPrecision].map(([precision, model]) => ({
      name: `qedge ${precision}`,
      implementation: model.device,
      model,
    })),
  ];
  const subjects: BenchmarkFigure[] = [];
  for (const batch of [1, 32])
    subjects.push(...(await compareAtBatch(job, contestants, batch, meter, digits)));
  return { peer, subjects };
}

async function compareAtBatch(
  job: Job,
  contestants: readonly Contestant[],
  batch: number,
  meter: EnergyMeter,
  digits: DigitSplit,
): Promise<BenchmarkFigure[]> {
  const runs = contestants.map((contestant) => ({
    contestant,
    subject: makeSubject(contestant, batch, digits),
  }));
  const comparison = await compareInterleaved(
    runs.map((run) => run.subject),
    {
      repeats: job.quick ? 10 : 30,
      seed: job.seed,
      confidence: 0.95,
      signal: job.signal,
      onProgress: (progress) => job.progress({ ...progress, phase: `comparing at batch ${batch}` }),
    },
  );
  const figures: BenchmarkFigure[] = [];
  for (const [index, { contestant, subject }] of runs.entries()) {
    const measured = await measureLatency(subject, {
      durationMs: job.quick ? 200 : 600,
      warmUpMs: 50,
      signal: job.signal,
    });
    const { ratio, verdict } = comparison.subjects[index]!;
    figures.push({
      name: contestant.name,
      implementation: contestant.implementation,
      precision: contestant.model.precision,
      batch,
      callsPerSample: measured.batchSize,
      summary: measured.summary,
      samplesMs: thin(measured.samples, PLOTTED_SAMPLES),
      throughputPerSecond: measured.throughputPerSecond * batch,
      speedup:
        index === 0 ? null : { ratio: 1 / ratio.estimate, low: 1 / ratio.high, high: 1 / ratio.low, verdict },
      energy: await energyPerDigit(job, contestant.model, meter, digits, batch),
    });
  }
  return figures;
}

/** The work of one contestant; its check compares the logits with those that were computed before any timing. */
function makeSubject({ name, model }: Contestant, batch: number, { test }: DigitSplit): Subject {
  const input = test.features.slice(0, batch * 784);
  const output = new Float32Array(batch * 10);
  let expected: Float32Array | null = null;
  return {
    name,
    run: () => model.run(input, output, batch),
    check: async () => {
      output.fill(Number.NaN);
      await model.run(input, output, batch);
      expected ??= output.slice();
      const wrong = output.findIndex((value, i) => !Object.is(value, expected![i]));
      if (wrong >= 0) {
        throw new VerificationError(`${name} changed its answer while it was timed`, {
          expected: expected[wrong],
          actual: output[wrong],
        });
      }
    },
  };
}

function thin(samples: readonly number[], count: number): number[] {
  if (samples.length <= count) return [...samples];
  return Array.from({ length: count }, (_, i) => samples[Math.floor((i * samples.length) / count)]!);
}

/** The figures of a report that a later run compares itself with. */
export function benchmarkRecord(
  report: Omit<Report, 'bench'>,
  subjects: readonly BenchmarkFigure[],
  version: string,
): BenchmarkRecord {
  return {
    format: 'qedge-benchmark-record',
    version: 1,
    name: report.quick ? 'qedge run --quick' : 'qedge run',
    timestampMs: Date.parse(report.generatedAt),
    machine: describeMachine(),
    versions: { qedge: version, node: process.versions.node },
    metrics: [
      { name: 'accuracy.float32', unit: 'fraction', value: report.model.accuracyFloat32, better: 'higher' },
      { name: 'accuracy.int4', unit: 'fraction', value: report.model.accuracyCompressed, better: 'higher' },
      { name: 'size.int4', unit: 'bytes', value: report.model.bytesCompressed, better: 'lower' },
      ...subjects.map((subject) => ({
        name: `latency.${subject.name.replaceAll(' ', '-')}.batch${subject.batch}.p50`,
        unit: 'ms',
        value: subject.summary.p50,
        better: 'lower' as const,
      })),
    ],
  };
}

/** Compares a record with the earlier ones in the history file. */
export async function compareWithEarlierRuns(
  path: string,
  record: BenchmarkRecord,
): Promise<Report['bench']['comparison']> {
  const { records } = await readHistory(path);
  const changes = compareWithHistory(record, records);
  return {
    previousRuns: records.filter((other) => other.name === record.name).length,
    changes: changes.map((change) => ({
      metric: change.name,
      unit: change.unit,
      previous: change.baseline,
      current: change.current,
      changeFraction: change.changeFraction,
      verdict: change.verdict,
      explanation: change.explanation,
    })),
  };
}
