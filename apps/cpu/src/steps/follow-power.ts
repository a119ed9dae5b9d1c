import {
  type CompiledModel,
  type EnergyFigure,
  ManualClock,
  PRECISION_BITS,
  type Precision,
  sumEnergy,
} from '@qedge/core';
import {
  AdaptivePrecisionController,
  commuteTrace,
  type EnergyMeter,
  type PrecisionCandidate,
  tracePowerSource,
} from '@qedge/power';
import type { DigitSplit } from '../digits.ts';
import type { Job } from '../job.ts';
import type { Report } from '../report/schema.ts';
import type { MadeModel } from './make-model.ts';
import { argmax, type ReadyModels } from './run-inference.ts';

const DIGITS_PER_SECOND = 5;
const TICK_MS = 1000;

/** Energy of one inference at batch 1, by precision. */
export type EnergyByPrecision = ReadonlyMap<Precision, EnergyFigure>;

/** Measures (or models, and says so) what one inference costs at each precision, by running each for a while. */
export async function measureEnergy(
  job: Job,
  ready: ReadyModels,
  meter: EnergyMeter,
  digits: DigitSplit,
): Promise<EnergyByPrecision> {
  const result = new Map<Precision, EnergyFigure>();
  for (const [precision, model] of ready.byPrecision)
    result.set(precision, await energyPerDigit(job, model, meter, digits, 1));
  return result;
}

/** Energy of one digit on one model, averaged over a quarter of a second of work in batches. */
export async function energyPerDigit(
  job: Job,
  model: CompiledModel,
  meter: EnergyMeter,
  { test }: DigitSplit,
  batch: number,
): Promise<EnergyFigure> {
  job.progress({ phase: `metering ${model.device} ${model.precision}`, done: 0, total: null });
  const input = test.features.slice(0, batch * 784);
  const output = new Float32Array(batch * 10);
  let runs = 0;
  const metered = await meter.measure(async () => {
    const endMs = job.clock.nowMs() + 250;
    while (job.clock.nowMs() < endMs) {
      for (let i = 0; i < 20; i++) {
        const pending = model.run(input, output, batch);
        if (pending) await pending;
      }
      runs += 20 * batch;
    }
  });
  const unknown = {
    joules: 0,
    provenance: 'modelled',
    relativeError: 1,
    method: 'the power source gave no figure',
  } as const;
  const { joules, ...trust } = metered.energy ?? unknown;
  return { joules: joules / runs, ...trust };
}

/** Plays a scripted battery and heat trace, lets the controller choose the precision, and runs real digits at it. */
export async function followPowerTrace(
  job: Job,
  made: MadeModel,
  ready: ReadyModels,
  energies: EnergyByPrecision,
  digits: DigitSplit,
): Promise<Pick<Report['power'], 'trace' | 'decisions' | 'strategies'>> {
  const trace = commuteTrace();
  const clock = new ManualClock();
  using source = tracePowerSource(trace, clock);
  const accuracies: Record<string, number> = {
    float32: made.control.accuracy.accuracy,
    int8: made.int8.accuracy.accuracy,
    int4: made.int4.accuracy.accuracy,
  };
  const candidates: PrecisionCandidate[] = [...energies].map(([precision, energy]) => ({
    precision,
    accuracy: accuracies[precision]!,
    // A source that knows nothing gives 0; the controller needs an order, which the widths give.
    joulesPerInference: Math.max(energy.joules, Number.MIN_VALUE),
  }));
  const controller = new AdaptivePrecisionController({ candidates, accuracyFloor: 0 });
  const adaptive = new Strategy('adaptive', energies);
  const fixed = candidates.map(({ precision }) => ({
    precision,
    strategy: new Strategy(`always ${precision}`, energies),
  }));
  const decisions: Report['power']['decisions'] = [];
  const durationMs = trace.points.at(-1)!.timeMs;
  const watch = watchInference(job);
  for (let timeMs = 0, digit = 0; timeMs <= durationMs; timeMs += TICK_MS) {
    job.progress({ phase: 'following the power trace', done: timeMs, total: durationMs });
    const state = await source.read();
    const { precision, changed, reason } = controller.decide(state);
    const { batteryFraction, temperatureCelsius, supply } = state;
    decisions.push({ timeMs, batteryFraction, temperatureCelsius, supply, precision, changed, reason });
    for (let i = 0; i < DIGITS_PER_SECOND; i++, digit = (digit + 1) % digits.test.count) {
      const startMs = job.clock.nowMs();
      await adaptive.classify(ready.byPrecision.get(precision)!, digits, digit, changed && i === 0);
      watch(precision, job.clock.nowMs() - startMs, energies.get(precision)!.joules);
      for (const { precision: always, strategy } of fixed)
        await strategy.classify(ready.byPrecision.get(always)!, digits, digit, false);
    }
    clock.advance(TICK_MS);
  }
  return {
    trace: `${trace.name}, ${durationMs / 60_000} minutes`,
    decisions,
    strategies: [adaptive, ...fixed.map((f) => f.strategy)].map((s) => s.summary()),
  };
}

/** Metrics of every inference, under the names that the live page draws. */
function watchInference({
  registry,
}: Job): (precision: Precision, latencyMs: number, energyJoules: number) => void {
  const latency = registry.histogram(
    'inference_latency_ms',
    {},
    { unit: 'ms', help: 'Time of one inference.' },
  );
  const energy = registry.gauge(
    'inference_energy_joules',
    {},
    { unit: 'joules', help: 'Energy of one inference.' },
  );
  const bits = registry.gauge(
    'inference_precision_bits',
    {},
    { unit: '1', help: 'Bits per weight that ran last.' },
  );
  return (precision, latencyMs, energyJoules) => {
    latency.record(latencyMs);
    energy.set(energyJoules);
    bits.set(PRECISION_BITS[precision].weightBits);
  };
}

/** One way to spend energy over the trace, with what came of it. */
class Strategy {
  readonly #name: string;
  readonly #energies: EnergyByPrecision;
  readonly #runs = new Map<Precision, number>();
  readonly #output = new Float32Array(10);
  readonly #input = new Float32Array(784);
  #correct = 0;
  #switches = 0;

  constructor(name: string, energies: EnergyByPrecision) {
    this.#name = name;
    this.#energies = energies;
  }

  async classify(
    model: CompiledModel,
    { test }: DigitSplit,
    digit: number,
    switched: boolean,
  ): Promise<void> {
    this.#input.set(test.features.subarray(digit * 784, (digit + 1) * 784));
    await model.run(this.#input, this.#output, 1);
    if (argmax(this.#output, 0, 10) === test.labels[digit]) this.#correct++;
    this.#runs.set(model.precision, (this.#runs.get(model.precision) ?? 0) + 1);
    if (switched) this.#switches++;
  }

  summary(): Report['power']['strategies'][number] {
    const inferences = [...this.#runs.values()].reduce((sum, runs) => sum + runs, 0);
    const parts = [...this.#runs].map(([precision, runs]) => {
      const { joules, ...trust } = this.#energies.get(precision)!;
      return { joules: joules * runs, ...trust };
    });
    return {
      name: this.#name,
      inferences,
      accuracy: this.#correct / inferences,
      energy: sumEnergy(parts),
      switches: this.#switches,
    };
  }
}
