import { describe, expectTypeOf, it } from 'vitest';
import type {
  Capability,
  Clock,
  CompiledModel,
  Device,
  EnergyFigure,
  Fallback,
  InferenceResult,
  LayerSpec,
  MetricSample,
  ModelGraph,
  OwnedTensor,
  PowerFigure,
  PowerState,
  Precision,
  Provenance,
  Span,
  StoredTensor,
  Summary,
  TaskExecutor,
  TensorView,
  WeightSource,
} from '../src/index.ts';

// These are checked by the type checker; they fail the build, not the run. Names carry units: a rename is a breaking change.
describe('the contracts', () => {
  it('carry their units in their names', () => {
    expectTypeOf<keyof EnergyFigure>().toEqualTypeOf<'joules' | 'provenance' | 'relativeError' | 'method'>();
    expectTypeOf<keyof PowerFigure>().toEqualTypeOf<'watts' | 'provenance' | 'relativeError' | 'method'>();
    expectTypeOf<keyof PowerState>().toEqualTypeOf<
      | 'timestampMs'
      | 'supply'
      | 'batteryFraction'
      | 'temperatureCelsius'
      | 'frequencyHertz'
      | 'utilizationFraction'
      | 'power'
      | 'source'
    >();
    expectTypeOf<InferenceResult['latencyMs']>().toEqualTypeOf<number>();
    expectTypeOf<Pick<Span, 'startMs' | 'endMs'>>().toEqualTypeOf<{
      readonly startMs: number;
      readonly endMs: number;
    }>();
    expectTypeOf<MetricSample['unit']>().toEqualTypeOf<string>();
    expectTypeOf<CompiledModel['memory']>().toEqualTypeOf<{
      readonly weightBytes: number;
      readonly bufferBytes: number;
    }>();
    expectTypeOf<ReturnType<Clock['nowMs']>>().toEqualTypeOf<number>();
  });

  it('say "unknown" with null, never with zero or undefined', () => {
    expectTypeOf<PowerState['batteryFraction']>().toEqualTypeOf<number | null>();
    expectTypeOf<PowerState['temperatureCelsius']>().toEqualTypeOf<number | null>();
    expectTypeOf<PowerState['frequencyHertz']>().toEqualTypeOf<number | null>();
    expectTypeOf<PowerState['utilizationFraction']>().toEqualTypeOf<number | null>();
    expectTypeOf<PowerState['power']>().toEqualTypeOf<PowerFigure | null>();
    expectTypeOf<InferenceResult['energy']>().toEqualTypeOf<EnergyFigure | null>();
    expectTypeOf<Capability['remedy']>().toEqualTypeOf<string | null>();
  });

  it('demand provenance and an error band of every energy figure', () => {
    expectTypeOf<Provenance>().toEqualTypeOf<'measured' | 'calibrated' | 'modelled'>();
    expectTypeOf<{ joules: number; provenance: Provenance; method: string }>().not.toExtend<EnergyFigure>();
    expectTypeOf<{ joules: number; relativeError: number; method: string }>().not.toExtend<EnergyFigure>();
    expectTypeOf<PowerFigure>().not.toExtend<EnergyFigure>();
  });

  it('carry every fallback with its reason', () => {
    expectTypeOf<keyof Fallback>().toEqualTypeOf<'from' | 'to' | 'why'>();
    expectTypeOf<Device['fallbacks']>().toEqualTypeOf<readonly Fallback[]>();
    expectTypeOf<InferenceResult['fallbacks']>().toEqualTypeOf<readonly Fallback[]>();
  });

  it('separate borrowed from owned tensors', () => {
    expectTypeOf<OwnedTensor>().toExtend<TensorView>();
    expectTypeOf<TensorView>().not.toExtend<OwnedTensor>();
    expectTypeOf<OwnedTensor>().toExtend<Disposable>();
    expectTypeOf<StoredTensor>().not.toExtend<Disposable>();
    expectTypeOf<ReturnType<WeightSource['load']>>().toEqualTypeOf<StoredTensor>();
  });

  it('let everything that holds memory or threads be disposed of', () => {
    expectTypeOf<Device>().toExtend<Disposable>();
    expectTypeOf<CompiledModel>().toExtend<Disposable>();
    expectTypeOf<TaskExecutor>().toExtend<AsyncDisposable>();
  });

  it('fix the precisions, the layer kinds and the graph as read-only data', () => {
    expectTypeOf<Precision>().toEqualTypeOf<'float32' | 'float16' | 'int8' | 'int4'>();
    expectTypeOf<LayerSpec['kind']>().toEqualTypeOf<'dense' | 'flatten' | 'softmax'>();
    expectTypeOf<ModelGraph['layers']>().toEqualTypeOf<readonly LayerSpec[]>();
    expectTypeOf<ModelGraph['version']>().toEqualTypeOf<1>();
    const graph = {} as ModelGraph;
    // @ts-expect-error a graph is read-only
    graph.version = 1;
  });

  it('name the quantiles of a summary', () => {
    expectTypeOf<keyof Summary>().toEqualTypeOf<
      'count' | 'mean' | 'standardDeviation' | 'min' | 'p50' | 'p95' | 'p99' | 'max'
    >();
  });
});
