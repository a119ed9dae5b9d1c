import type { PauliSum } from '../../operator/pauli-sum.ts';
import { realInnerProduct } from '../amplitudes/inner-product.ts';
import type { StoredState } from '../amplitudes/stored-state.ts';
import { addPauliGroup } from '../observables/apply-pauli-sum.ts';
import { groupPauliTerms } from '../observables/pauli-groups.ts';
import type { ValueAndGradient } from '../simulator.ts';
import { generatorProducts } from './diagonal-generator.ts';
import type { GateSequence } from './gate-sequence.ts';

/**
 * The expectation value and its gradient by adjoint differentiation (Jones and Gacon, arXiv 2009.02823): the circuit forward once, then
 * the state and `observable |state>` backward from cut to cut. At a cut `2 Im <lambda| K |psi>` is read off for the generators `K` of
 * all gates there at once. Two states, whatever the number of parameters and terms.
 */
export function adjointGradient(
  sequence: GateSequence,
  observable: PauliSum,
  values: Float64Array,
): ValueAndGradient {
  const gradient = new Float64Array(sequence.parameterNames.length);
  const [psi, lambda] = sequence.allocate(2) as [StoredState, StoredState];
  try {
    let frame = sequence.runForward(values, psi);
    for (const region of lambda.regions) region.fill(0);
    const outer = sequence.circuitFrame(frame);
    for (const group of groupPauliTerms(observable, outer.qubits)) {
      // Gates never touch qubits without memory, so what is 1 there stays orthogonal to the state.
      if (group.idle === '') addPauliGroup(group, psi, outer, lambda);
    }
    const value = realInnerProduct(psi, lambda);
    for (const cut of sequence.cuts) {
      const bound = cut.runner.bind(cut.runner.evaluateAngles(values), frame, 'nothing');
      bound.program.run(psi);
      bound.program.run(lambda);
      frame = bound.frame;
      const products = generatorProducts(cut.at(frame), 'imaginary', lambda, psi, frame);
      cut.derivatives.forEach((derivatives, generator) => {
        for (const { parameter, evaluate } of derivatives) {
          gradient[parameter] = gradient[parameter]! + 2 * evaluate(values) * products[generator]!;
        }
      });
    }
    return { value, gradient, evaluations: 1 };
  } finally {
    psi.dispose();
    lambda.dispose();
  }
}
