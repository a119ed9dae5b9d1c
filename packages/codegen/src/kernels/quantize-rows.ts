import type { QuantizeDescription } from '../description/kernel-description.ts';
import type { Target, Vector } from '../target/target.ts';

/** Arguments of a quantise kernel, in order. `parameters` holds three whole vectors: scale, low, high, each repeated. */
export const QUANTIZE_PARAMETERS = { source: 0, destination: 1, rowCount: 2, parameters: 3 } as const;

/** How many arguments a quantise kernel takes. */
export const QUANTIZE_PARAMETER_COUNT = 4;

/**
 * Emits the conversion of float32 rows (`depth` values each, contiguous) into int16 rows with the padding of an integer
 * matrix product's A: padding becomes 0 because 0 is exactly representable.
 */
export function emitQuantizeRows<Code>(target: Target<Code>, { depth }: QuantizeDescription): Code {
  const { lanes } = target.traits;
  const parameters = target.pointerArgument(QUANTIZE_PARAMETERS.parameters);
  const source = target.pointerArgument(QUANTIZE_PARAMETERS.source);
  const destination = target.pointerArgument(QUANTIZE_PARAMETERS.destination);
  const [scale, low, high] = target.vectors('parameters', 3) as [Vector, Vector, Vector];
  const [value] = target.vectors('value', 1) as [Vector];
  for (const [index, vector] of [scale, low, high].entries()) {
    target.load(vector, { base: parameters, offset: index * lanes * 4 });
  }
  const convert = (loaded: number) => {
    target.load(value, { base: source, offset: 0 }, loaded);
    target.binary('divide', value, value, scale);
    target.binary('max', value, value, low);
    target.binary('min', value, value, high);
    target.convert('float32-to-int32', value, value);
    target.storeNarrowed(value, { base: destination, offset: 0 });
    target.advance(source, loaded * 4);
    target.advance(destination, lanes * 2);
  };
  const whole = Math.floor(depth / lanes);
  const rest = depth - whole * lanes;
  target.loopCount(target.countArgument(QUANTIZE_PARAMETERS.rowCount), () => {
    target.loop(whole, () => convert(lanes));
    if (rest > 0) convert(rest);
  });
  return target.finish();
}
