import { copyFrame, type StateFrame, type StoredState } from '../amplitudes/stored-state.ts';
import { orderParameterValues } from '../program/parameter-values.ts';
import type { GradientOptions } from '../simulator.ts';
import { applyGenerators, generatorProducts } from './diagonal-generator.ts';
import type { GateSequence, SequenceCut } from './gate-sequence.ts';

/**
 * The Fubini-Study metric by adjoint differentiation. A tangent `|d_i psi>` is a sum over cuts of `-i K |psi>` carried on to the end;
 * each of these is walked backward instead, and multiplied with those of every earlier cut on the way. Three states; time grows with
 * parameters times cuts.
 */
export function fubiniStudyMetric(
  sequence: GateSequence,
  { parameters }: Pick<GradientOptions, 'parameters'>,
): Float64Array {
  const values = orderParameterValues(sequence.parameterNames, parameters);
  const count = values.length;
  const metric = new Float64Array(count * count);
  const means = new Float64Array(count);
  const [psi, earlier, tangent] = sequence.allocate(3) as [StoredState, StoredState, StoredState];
  const states = { psi, earlier, tangent };
  try {
    let frame = sequence.runForward(values, states.psi);
    sequence.cuts.forEach((cut, index) => {
      frame = stepBack(cut, values, frame, states.psi);
      addMeans(cut, values, states.psi, frame, means);
      for (const [parameter, weights] of weightsByParameter(cut, values)) {
        states.tangent.copyFrom(states.psi);
        states.earlier.copyFrom(states.psi);
        applyGenerators(cut.at(frame), weights, states.tangent, frame);
        addProducts(sequence.cuts.slice(index), values, frame, states, (other, product, isSameCut) => {
          const at = parameter * count + other;
          metric[at] = metric[at]! + product;
          if (isSameCut) return;
          const mirrored = other * count + parameter;
          metric[mirrored] = metric[mirrored]! + product;
        });
      }
    });
  } finally {
    for (const state of Object.values(states)) state.dispose();
  }
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < count; j++) {
      metric[i * count + j] = metric[i * count + j]! - means[i]! * means[j]!;
    }
  }
  return metric;
}

/** Leads one state to a cut. */
function stepBack(
  { runner }: SequenceCut,
  values: Float64Array,
  frame: StateFrame,
  ...states: readonly StoredState[]
): StateFrame {
  const bound = runner.bind(runner.evaluateAngles(values), frame, 'nothing');
  for (const state of states) bound.program.run(state);
  return bound.frame;
}

/** For each parameter that a cut has generators of, the factor of each generator. */
function weightsByParameter(cut: SequenceCut, values: Float64Array): Map<number, Float64Array> {
  const weights = new Map<number, Float64Array>();
  cut.derivatives.forEach((derivatives, generator) => {
    for (const { parameter, evaluate } of derivatives) {
      let own = weights.get(parameter);
      if (own === undefined) {
        own = new Float64Array(cut.derivatives.length);
        weights.set(parameter, own);
      }
      own[generator] = own[generator]! + evaluate(values);
    }
  });
  return weights;
}

/** Adds `<psi| K |psi>` of a cut to the parameters that it belongs to. */
function addMeans(
  cut: SequenceCut,
  values: Float64Array,
  psi: StoredState,
  frame: StateFrame,
  means: Float64Array,
): void {
  const products = generatorProducts(cut.at(frame), 'real', psi, psi, frame);
  for (const [parameter, weights] of weightsByParameter(cut, values)) {
    weights.forEach((weight, generator) => {
      means[parameter] = means[parameter]! + weight * products[generator]!;
    });
  }
}

/** Walks a tangent from the first of some cuts back to the last one, and reports its products with the tangents of each. */
function addProducts(
  cuts: readonly SequenceCut[],
  values: Float64Array,
  start: StateFrame,
  { tangent, earlier }: { readonly tangent: StoredState; readonly earlier: StoredState },
  add: (parameter: number, product: number, isSameCut: boolean) => void,
): void {
  let frame = copyFrame(start);
  cuts.forEach((cut, index) => {
    if (index > 0) frame = stepBack(cut, values, frame, tangent, earlier);
    const products = generatorProducts(cut.at(frame), 'real', tangent, earlier, frame);
    for (const [parameter, weights] of weightsByParameter(cut, values)) {
      const product = weights.reduce((sum, weight, generator) => sum + weight * products[generator]!, 0);
      add(parameter, product, index === 0);
    }
  });
}
