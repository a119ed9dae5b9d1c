import {
  CancelledError,
  type Clock,
  InvalidArgumentError,
  Random,
  systemClock,
  throwIfCancelled,
} from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import { BatchNormalizationInTraining } from './batch-normalization.ts';
import { Distillation } from './distillation.ts';
import { EarlyStopping } from './early-stopping.ts';
import { GradientStep } from './gradient-step.ts';
import { LayerNoise } from './layer-noise.ts';
import { checkSchedule, learningRateAt } from './learning-rate.ts';
import { makeOptimizer } from './make-optimizer.ts';
import { type ModelMeasurement, prepareMeasurement } from './measure-model.ts';
import { isKernelRole, ModelWeights, type WeightArrays } from './model-weights.ts';
import { assertFiniteLoss, type Optimizer } from './optimizer.ts';
import { makeSampleBatches } from './sample-batches.ts';
import { makeStreamBatches } from './stream-batches.ts';
import type { BatchCursor, BatchSource } from './training-batch.ts';
import { requireSameSetup, type TrainingCheckpoint, type TrainingSetup } from './training-checkpoint.ts';
import { isStream, type TrainingData } from './training-data.ts';
import type { TrainingEpoch } from './training-history.ts';
import { checkLoss } from './training-loss.ts';
import { TrainingMasks } from './training-masks.ts';
import type { TrainingEnd, TrainingMoment, TrainingResult, TrainModelOptions } from './training-options.ts';

/** How long the event loop may wait before training lets others run. */
const YIELD_AFTER_MS = 40;

/** One training from its first to its last step. */
export class TrainingRun {
  readonly #tf: Tensorflow;
  readonly #model: LayersModel;
  readonly #options: TrainModelOptions;
  readonly #setup: TrainingSetup;
  readonly #total: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #source: BatchSource;
  readonly #measure: (() => Promise<ModelMeasurement>) | null;
  readonly #weights: ModelWeights;
  readonly #byName: WeightArrays;
  readonly #optimizer: Optimizer;
  readonly #masks: TrainingMasks;
  readonly #noise: LayerNoise;
  readonly #gradients: GradientStep;
  readonly #stopping: EarlyStopping | null;
  #step = 0;
  #ended: TrainingEnd | null = null;
  #history: TrainingEpoch[] = [];
  #epoch = { lossSum: 0, count: 0, durationMs: 0 };
  #epochStartMs = 0;
  #resumedMs = 0;
  #savedStep = -1;
  #message: string | undefined;

  /** Checks everything; changes nothing. @throws as `trainModel`. */
  constructor(tf: Tensorflow, model: LayersModel, data: TrainingData, options: TrainModelOptions) {
    checkOptions(data, options);
    const { seed, loss = 'cross-entropy of logits', weightDecay = 0, validation, earlyStopping } = options;
    checkLoss(loss, model);
    this.#tf = tf;
    this.#model = model;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = new Random(seed);
    this.#source = makeSource(tf, model, data, options, this.#random);
    this.#measure = validation
      ? prepareMeasurement(tf, model, validation, loss, 'The validation data')
      : null;
    this.#stopping = earlyStopping ? new EarlyStopping(earlyStopping) : null;
    this.#noise = new LayerNoise(model);
    const distillation = options.distillation
      ? new Distillation(tf, model, options.distillation, this.#source.samples)
      : null;
    this.#weights = new ModelWeights(tf, model);
    const { trained } = this.#weights;
    this.#byName = new Map(trained.map(({ name, values }) => [name, values]));
    this.#gradients = new GradientStep(tf, model, trained, loss, distillation);
    const parameters = trained.map(({ role, values }) => ({
      values,
      weightDecay: isKernelRole(role) ? weightDecay : 0,
    }));
    this.#optimizer = makeOptimizer(options.optimizer ?? { kind: 'adam' }, parameters);
    this.#masks = new TrainingMasks(this.#weights, this.#optimizer);
    this.#setup = describeSetup(this.#source, data, options);
    this.#total = options.epochs * this.#source.stepsPerEpoch;
  }

  /** May be called once. */
  async run(): Promise<TrainingResult> {
    const original = this.#weights.save();
    const normalizations = new BatchNormalizationInTraining(this.#tf, this.#model);
    try {
      this.#masks.set(this.#options.masks ?? new Map());
      await this.#resume();
      if (this.#ended === null) await this.#train();
      const { phase } = this.#setup;
      return {
        history: { phase, epochs: this.#history },
        steps: this.#step,
        ended: this.#ended!,
        bestEpoch: this.#stopping?.bestEpoch ?? null,
        masks: this.#masks.byName,
      };
    } catch (error) {
      if (!(error instanceof CancelledError)) this.#weights.restore(original);
      throw error;
    } finally {
      normalizations.restore();
      this.#noise.restore();
    }
  }

  async #train(): Promise<void> {
    this.#resumedMs = this.#clock.nowMs();
    while (this.#step < this.#total && this.#ended === null) await this.#trainEpoch();
    // A training that has come to its end is finished, whatever happens now: a checkpoint in between would have two meanings.
    if (this.#ended === null) await this.#stopIfCancelled();
    this.#ended ??= 'all epochs';
    for (const hook of this.#options.hooks ?? []) await hook.finish?.(this.#moment());
    const best = this.#stopping?.bestWeights;
    if (best) this.#weights.restore(best);
    await this.#save();
  }

  /** What is left of the epoch that the next step belongs to. */
  async #trainEpoch(): Promise<void> {
    const { stepsPerEpoch } = this.#source;
    const epoch = Math.floor(this.#step / stepsPerEpoch);
    const end = (epoch + 1) * stepsPerEpoch;
    this.#epochStartMs = this.#clock.nowMs() - this.#epoch.durationMs;
    await this.#stopIfCancelled();
    const cursor = await this.#source.open(epoch, this.#step % stepsPerEpoch);
    try {
      while (this.#step < end && this.#ended === null) await this.#trainStep(cursor, epoch, end);
    } finally {
      await cursor.close();
    }
    if (this.#step === end) await this.#endEpoch(epoch);
  }

  async #trainStep(cursor: BatchCursor, epoch: number, end: number): Promise<void> {
    const { hooks = [], onStep, learningRate, checkpoint } = this.#options;
    await this.#stopIfCancelled();
    for (const hook of hooks) await hook.beforeStep?.(this.#moment());
    this.#masks.apply(this.#weights.synchronize());
    this.#noise.seedStep(this.#random, this.#step);
    const { loss, gradients, count } = await this.#gradients.compute(await cursor.next());
    assertFiniteLoss(loss);
    await this.#showGradients(gradients);
    const rate = learningRateAt(learningRate, this.#step, this.#total);
    this.#optimizer.update(gradients, rate, this.#masks.inOrder);
    this.#weights.upload();
    this.#step++;
    this.#epoch.lossSum += loss * count;
    this.#epoch.count += count;
    const answer = await onStep?.({
      step: this.#step,
      total: this.#total,
      epoch: epoch + 1,
      loss,
      learningRate: rate,
    });
    if (answer === 'stop') this.#ended = 'callback';
    await this.#letOthersRun();
    const { everySteps } = checkpoint ?? {};
    if (everySteps && this.#step % everySteps === 0 && this.#step < end) await this.#save();
  }

  async #showGradients(gradients: readonly (Float32Array | null)[]): Promise<void> {
    const hooks = (this.#options.hooks ?? []).filter(({ afterGradients }) => afterGradients);
    if (hooks.length === 0) return;
    const byName = new Map<string, Float32Array>();
    this.#weights.trained.forEach(({ name }, at) => {
      const gradient = gradients[at];
      if (gradient) byName.set(name, gradient);
    });
    for (const hook of hooks) await hook.afterGradients!(this.#moment(), byName);
  }

  async #endEpoch(epoch: number): Promise<void> {
    this.#masks.apply(this.#weights.synchronize());
    this.#weights.requireFinite();
    const measured = (await this.#measure?.()) ?? null;
    const entry: TrainingEpoch = {
      epoch: epoch + 1,
      loss: this.#epoch.lossSum / this.#epoch.count,
      validationLoss: measured?.loss ?? null,
      validationAccuracy: measured?.accuracy ?? null,
      learningRate: learningRateAt(this.#options.learningRate, this.#step - 1, this.#total),
      sparsity: this.#masks.sparsity,
      durationMs: this.#clock.nowMs() - this.#epochStartMs,
    };
    this.#history.push(entry);
    this.#epoch = { lossSum: 0, count: 0, durationMs: 0 };
    this.#message = describeEpoch(entry);
    this.#reportProgress();
    const isOver = this.#stopping?.observe(entry, () => this.#weights.save()) ?? false;
    if (isOver) this.#ended = 'early stopping';
    if ((await this.#options.onEpoch?.(entry)) === 'stop') this.#ended ??= 'callback';
    const { checkpoint } = this.#options;
    const isDue = checkpoint && this.#step % (checkpoint.everySteps ?? 1) === 0;
    if (isDue && this.#ended === null && this.#step < this.#total) await this.#save();
  }

  #moment(): TrainingMoment {
    const total = this.#total;
    return {
      step: this.#step,
      total,
      progress: total === 0 ? 1 : this.#step / total,
      weights: this.#byName,
      masks: this.#masks.byName,
      setMasks: (masks) => {
        this.#masks.apply(this.#weights.synchronize());
        if (this.#masks.set(masks)) this.#stopping?.reset();
      },
    };
  }

  async #stopIfCancelled(): Promise<void> {
    const { signal } = this.#options;
    if (signal?.aborted && this.#step > 0) await this.#save();
    throwIfCancelled(signal, `The ${this.#setup.phase}`);
  }

  async #letOthersRun(): Promise<void> {
    if (this.#clock.nowMs() - this.#resumedMs <= YIELD_AFTER_MS) return;
    this.#reportProgress();
    await this.#clock.sleep(0);
    this.#resumedMs = this.#clock.nowMs();
  }

  #reportProgress(): void {
    const message = this.#message;
    const progress = { phase: this.#setup.phase, done: this.#step, total: this.#total };
    this.#options.onProgress?.(message ? { ...progress, message } : progress);
  }

  async #save(): Promise<void> {
    const { checkpoint, hooks = [] } = this.#options;
    if (!checkpoint || (this.#savedStep === this.#step && this.#ended === null)) return;
    const isInside = this.#epoch.count > 0;
    const durationMs = isInside ? this.#clock.nowMs() - this.#epochStartMs : 0;
    await checkpoint.store.save({
      format: 'qedge-training-checkpoint',
      version: 1,
      setup: this.#setup,
      step: this.#step,
      ended: this.#ended,
      weights: this.#weights.save(),
      optimizer: this.#optimizer.saveState(),
      masks: new Map([...this.#masks.byName].map(([name, mask]) => [name, mask.slice()])),
      epoch: { ...this.#epoch, durationMs },
      history: [...this.#history],
      earlyStopping: this.#stopping?.saveState() ?? null,
      hooks: new Map(hooks.map((hook) => [hook.name, hook.saveState?.() ?? null])),
    });
    this.#savedStep = this.#step;
  }

  async #resume(): Promise<void> {
    const { checkpoint, hooks = [] } = this.#options;
    const stored = await checkpoint?.store.load();
    if (!stored) return;
    requireSameSetup(stored, this.#setup);
    this.#resumeFrom(stored);
    for (const hook of hooks) hook.restoreState?.(stored.hooks.get(hook.name));
  }

  #resumeFrom(stored: TrainingCheckpoint): void {
    this.#weights.restore(stored.weights);
    this.#optimizer.restoreState(stored.optimizer);
    this.#masks.set(stored.masks);
    if (stored.earlyStopping) this.#stopping?.restoreState(stored.earlyStopping);
    this.#step = stored.step;
    this.#ended = stored.ended;
    this.#epoch = { ...stored.epoch };
    this.#history = [...stored.history];
    this.#savedStep = stored.step;
  }
}

function makeSource(
  tf: Tensorflow,
  model: LayersModel,
  data: TrainingData,
  { batchSize, augment }: TrainModelOptions,
  random: Random,
): BatchSource {
  if (isStream(data)) return makeStreamBatches(tf, model, data, 'The training data');
  const options = { batchSize: batchSize!, random, ...(augment ? { augment } : {}) };
  return makeSampleBatches(tf, model, data, options, 'The training data');
}

function describeSetup(
  { stepsPerEpoch }: BatchSource,
  data: TrainingData,
  options: TrainModelOptions,
): TrainingSetup {
  const { phase = 'training', seed, epochs, batchSize, hooks = [] } = options;
  const { optimizer = null, learningRate, weightDecay = 0, loss = null } = options;
  return {
    phase,
    seed,
    epochs,
    stepsPerEpoch,
    batchSize: isStream(data) ? null : batchSize!,
    hooks: hooks.map(({ name }) => name),
    settings: JSON.stringify({
      optimizer,
      learningRate,
      weightDecay,
      loss: typeof loss === 'function' ? 'function' : loss,
    }),
  };
}

function describeEpoch({ loss, validationAccuracy, validationLoss }: TrainingEpoch): string {
  const measured =
    validationAccuracy !== null
      ? `, validation ${(100 * validationAccuracy).toFixed(1)} %`
      : validationLoss !== null
        ? `, validation loss ${validationLoss.toFixed(4)}`
        : '';
  return `loss ${loss.toFixed(4)}${measured}`;
}

function checkOptions(data: TrainingData, options: TrainModelOptions): void {
  const { epochs, batchSize, weightDecay = 0, augment, validation, earlyStopping, hooks = [] } = options;
  const everySteps = options.checkpoint?.everySteps ?? 1;
  const isCount = (value: number, least: number) => Number.isSafeInteger(value) && value >= least;
  const require = (isRight: boolean, problem: string, expected: string, actual: unknown) => {
    if (!isRight) throw new InvalidArgumentError(problem, { expected, actual });
  };
  require(isCount(epochs, 0), 'Training has an impossible length', 'epochs, an integer >= 0', epochs);
  if (isStream(data)) {
    require(batchSize === undefined, 'A stream has its own batches', 'no batchSize', batchSize);
    require(augment === undefined, 'A stream cannot be augmented here', 'no augment', 'a function');
  } else {
    require(batchSize !== undefined, 'Samples in memory need a batch size', 'batchSize', batchSize);
  }
  const isDecay = weightDecay >= 0 && Number.isFinite(weightDecay);
  require(isDecay, 'A weight decay is out of range', '>= 0', weightDecay);
  require(isCount(everySteps, 1), 'Checkpoints cannot be saved that often', 'an integer >= 1', everySteps);
  const watches = !earlyStopping || validation !== undefined;
  require(watches, 'Early stopping has nothing to watch', 'validation data', undefined);
  const names = hooks.map(({ name }) => name);
  require(new Set(names).size === names.length, 'Two hooks have the same name', 'names of their own', names);
  checkSchedule(options.learningRate);
}
