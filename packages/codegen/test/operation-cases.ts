import { Random } from '@qedge/core';
import type {
  FloatOperation,
  IntegerOperation,
  NarrowFormat,
  Pointer,
  Shift,
  Target,
  TargetTraits,
  Vector,
} from '../src/target/target.ts';

import { bitCases } from './bit-cases.ts';

// What every target must do, as programs that are run on the target and on the interpreter. No test framework is used here, so that
// the same cases can run in a browser.

/** Emits code on any target; ends with `finish`. */
export type Program = <Code>(target: Target<Code>) => Code;

/** How the destination is compared: a NaN equals any NaN of the format, everything else must have the same bits. */
export type OutputFormat = 'bits' | 'float32' | 'float64' | 'float16' | 'bfloat16';

export interface OperationCase {
  readonly name: string;
  readonly program: Program;
  readonly output: OutputFormat;
  /** What lies in the three source areas; `seven bits` are integers, in the first area without the highest bit of each byte, `numbers` float32 that int32 can hold, `ordinary` are halves from a normal distribution, `doubles` float64. */
  readonly data:
    | 'floats'
    | 'integers'
    | 'seven bits'
    | 'numbers'
    | 'ordinary'
    | 'doubles'
    | 'ordinary doubles';
  /** The largest allowed difference of a result, for operands of magnitude near 1; 0 (the default) for exact operations. */
  readonly tolerance?: number;
  /** Whether results may take up to 700 KiB instead of 120. */
  readonly hasManyResults?: boolean;
}

/** Fields of the argument block of every case: areas, counts, the end of the memory, a word that programs may change. */
export const FIELD = {
  a: 0,
  b: 1,
  c: 2,
  destination: 3,
  zero: 4,
  one: 5,
  three: 6,
  thousand: 7,
  end: 8,
  halves: 9,
  count: 10,
} as const;
export const COUNTS = { zero: 0, one: 1, three: 3, thousand: 1000 } as const;

/** Words per area. */
export const AREA_WORDS = 1024;

const FLOATS = [
  0,
  -0,
  1,
  -1,
  0.5,
  1.5,
  2.5,
  -2.5,
  1 / 3,
  -7.25,
  1e-40,
  -1e-45,
  2 ** -126,
  2 ** -14,
  2 ** -25,
  65504,
  65519.99,
  65520,
  -65536,
  3e9,
  -3e9,
  3.4e38,
  Infinity,
  Number.NaN,
];
const INTEGERS = [
  0, 1, -1, 127, 128, -128, -129, 255, 256, 32767, 32768, -32768, -32769, 65535, 65536, 0x7fffffff,
  -0x80000000, 0x80008000, 0x80018001, 0x7fff7fff, 0x80808080, 0x7f7f7f7f, 0xff7f80, 0xffff0000,
];
const NUMBERS = [
  0, -0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999997, 8388609, -8388609, 16777216, 2147483520, -2147483648,
  1e-40, 4194304.5, 4194305.5, -4194304.5, 1e9, -1e9, 3, -3, 100.25, -100.75,
];

/** The words of source area `area` (0, 1, 2): every pair of special values meets in the first two; the rest is random. */
export function areaWords(data: OperationCase['data'], area: number, seed: number): Uint32Array {
  if (data === 'seven bits') {
    return areaWords('integers', area, seed).map((word) => (area === 0 ? word & 0x7f7f7f7f : word));
  }
  const random = new Random(seed * 3 + area);
  if (data === 'ordinary') return ordinaryWords(random, area);
  if (data === 'doubles' || data === 'ordinary doubles') return doubleWords(random, area, data === 'doubles');
  const special = { floats: FLOATS, integers: INTEGERS, numbers: NUMBERS }[data];
  const words = new Uint32Array(AREA_WORDS);
  const floats = new Float32Array(words.buffer);
  for (let i = 0; i < AREA_WORDS; i++) {
    const pick = [Math.floor(i / special.length), i % special.length, random.uint32() % special.length][
      area
    ]!;
    if (pick < special.length && (area !== 0 || i < special.length ** 2)) {
      if (data === 'integers') words[i] = special[pick]! >>> 0;
      else floats[i] = special[pick]!;
    } else if (data === 'numbers') floats[i] = (random.uint32() - 2 ** 31) * 2 ** -(random.uint32() % 40);
    else if (data === 'floats' && i % 2 === 0) floats[i] = random.normal();
    else words[i] = random.uint32();
  }
  return words;
}

/** Two bfloat16 per word in the first two areas, float32 in the third; all of normal distribution. */
function ordinaryWords(random: Random, area: number): Uint32Array {
  const floats = Float32Array.from({ length: AREA_WORDS }, () => random.normal());
  const words = new Uint32Array(floats.buffer);
  return area === 2 ? words : words.map((word) => (word & 0xffff0000) | (word >>> 16));
}

/** Float64 of normal distribution; with `special`, every pair of special values meets in the first two areas. */
function doubleWords(random: Random, area: number, special: boolean): Uint32Array {
  const values = Float64Array.from({ length: AREA_WORDS / 2 }, (_, i) => {
    const pick = [Math.floor(i / FLOATS.length), i % FLOATS.length, random.uint32() % FLOATS.length][area]!;
    return special && i < FLOATS.length ** 2 && i % 3 !== 2 ? FLOATS[pick]! : random.normal();
  });
  return new Uint32Array(values.buffer);
}

/** Registers of the case: pointers to the areas and the operands of the operation. */
interface Emission<Code> {
  readonly target: Target<Code>;
  readonly a: Pointer;
  readonly b: Pointer;
  readonly c: Pointer;
  readonly destination: Pointer;
}

function begin<Code>(target: Target<Code>): Emission<Code> {
  const claim = (role: 'a' | 'b' | 'c' | 'destination') => {
    const pointer = target.pointer(role);
    target.argument(pointer, FIELD[role]);
    return pointer;
  };
  return { target, a: claim('a'), b: claim('b'), c: claim('c'), destination: claim('destination') };
}

type Apply = <Code>(target: Target<Code>, operands: readonly Vector[]) => Vector;

/**
 * Applies an operation to every vector of the areas. `operands` are a, b, c and a free register; what `apply` returns is stored.
 * With `last`, they are the last registers that the target has, else the first. Of the result, the first `stored` lanes are stored.
 */
function lanewise(apply: Apply, last: boolean, stored?: number): Program {
  return (target) => {
    const { a, b, c, destination } = begin(target);
    const { fma, dot, half } = target.traits.temporaries;
    const free = target.traits.vectors - 4 - Math.max(fma, dot, half);
    if (last && free > 0) target.vectors('not used', free);
    const operands = target.vectors('operands', 4);
    const bytes = target.traits.lanes * (target.traits.element === 'float64' ? 8 : 4);
    target.loop((AREA_WORDS * 4) / bytes, () => {
      for (const [i, base] of [a, b, c].entries()) target.load(operands[i]!, { base, offset: 0 });
      target.store(apply(target, operands), { base: destination, offset: 0 }, stored);
      for (const pointer of [a, b, c, destination]) target.advance(pointer, bytes);
    });
    return target.finish();
  };
}

/** An operation of two operands in every combination of equal registers. */
function binary(
  name: string,
  output: OutputFormat,
  data: OperationCase['data'],
  emit: <Code>(target: Target<Code>, destination: Vector, a: Vector, b: Vector) => void,
): OperationCase[] {
  const forms: readonly (readonly [string, readonly [number, number, number]])[] = [
    ['into another register', [3, 0, 1]],
    ['into its first operand', [0, 0, 1]],
    ['into its second operand', [1, 0, 1]],
    ['of a register and itself', [3, 0, 0]],
  ];
  return forms.flatMap(([form, [d, x, y]]) =>
    [false, true].map((last) => ({
      name: `${name} ${form}${last ? ', last registers' : ''}`,
      output,
      data,
      program: lanewise((target, v) => {
        emit(target, v[d]!, v[x]!, v[y]!);
        return v[d]!;
      }, last),
    })),
  );
}

function unary(
  name: string,
  output: OutputFormat,
  data: OperationCase['data'],
  emit: <Code>(target: Target<Code>, destination: Vector, source: Vector) => void,
): OperationCase[] {
  return [
    [3, 0],
    [0, 0],
  ].flatMap(([d, s]) =>
    [false, true].map((last) => ({
      name: `${name} ${d === s ? 'in place' : 'into another register'}${last ? ', last registers' : ''}`,
      output,
      data,
      program: lanewise((target, v) => {
        emit(target, v[d!]!, v[s!]!);
        return v[d!]!;
      }, last),
    })),
  );
}

/** `c op= a, b`. */
function ternary(
  name: string,
  output: OutputFormat,
  data: OperationCase['data'],
  emit: <Code>(target: Target<Code>, accumulator: Vector, a: Vector, b: Vector) => void,
): OperationCase[] {
  return [
    [0, 1],
    [1, 0],
    [1, 1],
  ].flatMap(([x, y]) =>
    [false, true].map((last) => ({
      name: `${name} of ${'abc'[x!]} and ${'abc'[y!]}${last ? ', last registers' : ''}`,
      output,
      data,
      program: lanewise((target, v) => {
        emit(target, v[2]!, v[x!]!, v[y!]!);
        return v[2]!;
      }, last),
    })),
  );
}

/** Operations on lanes of 64 bits. Multiply-adds are compared on numbers near 1, where one rounding and two differ by little. */
export function float64Cases({ lanes }: TargetTraits): OperationCase[] {
  const floats: readonly FloatOperation[] = ['add', 'subtract', 'multiply', 'divide', 'min', 'max'];
  const products = [
    ...ternary('fma', 'float64', 'ordinary doubles', (t, d, a, b) => t.fma(d, a, b)),
    ...ternary('fnma', 'float64', 'ordinary doubles', (t, d, a, b) => t.fnma(d, a, b)),
    ...ternary('multiply-add', 'float64', 'ordinary doubles', (t, d, a, b) => t.multiplyAdd(d, a, b)),
  ];
  return [
    ...floats.flatMap((o) => binary(`float ${o}`, 'float64', 'doubles', (t, d, a, b) => t.float(o, d, a, b))),
    ...products.map((entry) => ({ ...entry, tolerance: 2 ** -48 })),
    ...unary('copy', 'bits', 'doubles', (t, d, s) => t.copy(d, s)),
    ...unary('zero', 'bits', 'doubles', (t, d) => t.zero(d)),
    ...Array.from({ length: lanes - 1 }, (_, i) =>
      unary(`exchange with mask ${i + 1}`, 'bits', 'doubles', (t, d, s) => t.exchange(d, s, i + 1)),
    ).flat(),
    ...Array.from({ length: lanes }, (_, index) => partialMoves(index + 1)),
    splatOfFloat64(),
  ];
}

/** Loads and stores of the first lanes, past values that must stay or become 0. */
function partialMoves(lanes: number): OperationCase {
  return flow(`moves of ${lanes} lanes`, ({ target, a, b, destination }, vector) => {
    const bytes = target.traits.lanes * 8;
    for (let i = 0; i < 12; i++) {
      target.load(vector, { base: b, offset: i * 40 });
      target.load(vector, { base: a, offset: i * 24 }, lanes);
      target.store(vector, { base: destination, offset: 2 * i * bytes });
      target.load(vector, { base: b, offset: i * 16 });
      target.store(vector, { base: destination, offset: (2 * i + 1) * bytes + 3 }, lanes);
    }
  });
}

function splatOfFloat64(): OperationCase {
  return flow('splat', ({ target, a, destination }, vector) => {
    const bytes = target.traits.lanes * 8;
    for (const [i, offset] of [0, 8, 13, 64, 128, 1024, 2048].entries()) {
      target.splat(vector, { base: a, offset });
      target.store(vector, { base: destination, offset: i * bytes });
    }
  });
}

/** A multiply-add of which only the first lanes are wanted, in the first and the last registers. */
function partialProduct(lanes: number): OperationCase[] {
  return [false, true].map((last) => {
    const apply: Apply = (target, v) => {
      target.fma(v[2]!, v[0]!, v[1]!, lanes);
      return v[2]!;
    };
    const name = `fma of ${lanes} lanes${last ? ', last registers' : ''}`;
    return { name, output: 'float32', data: 'floats', program: lanewise(apply, last, lanes) };
  });
}

function arithmeticCases(traits: TargetTraits): OperationCase[] {
  const floats: readonly FloatOperation[] = ['add', 'subtract', 'multiply', 'divide', 'min', 'max'];
  const integers: readonly IntegerOperation[] = ['add', 'subtract', 'and', 'or', 'xor', 'andNot'];
  const bytes = traits.multiplyBytes === 7 ? 'seven bits' : 'integers';
  return [
    ...floats.flatMap((o) => binary(`float ${o}`, 'float32', 'floats', (t, d, a, b) => t.float(o, d, a, b))),
    ...integers.flatMap((o) =>
      binary(`integer ${o}`, 'bits', 'integers', (t, d, a, b) => t.integer(o, d, a, b)),
    ),
    ...binary('addition of words', 'bits', 'integers', (t, d, a, b) => t.addWords(d, a, b)),
    ...binary('multiplication of words', 'bits', 'integers', (t, d, a, b) => t.multiplyWords(d, a, b)),
    ...(traits.multiplyBytes
      ? binary('multiplication of bytes', 'bits', bytes, (t, d, a, b) => t.multiplyBytes(d, a, b))
      : []),
    ...(['equal', 'less', 'less-or-equal'] as const).flatMap((comparison) =>
      binary(`comparison ${comparison}`, 'bits', 'floats', (t, d, a, b) => t.compare(comparison, d, a, b)),
    ),
    ...(['nearest', 'floor', 'ceiling'] as const).flatMap((rounding) => [
      ...unary(`rounding ${rounding}`, 'float32', 'floats', (t, d, s) => t.round(rounding, d, s)),
      ...unary(`rounding ${rounding} of numbers`, 'float32', 'numbers', (t, d, s) => t.round(rounding, d, s)),
    ]),
    ...unary('square root', 'float32', 'floats', (t, d, s) => t.squareRoot(d, s)),
    ...unary('NaN to zero', 'float32', 'floats', (t, d, s) => t.zeroNaN(d, s)),
    ...unary('copy', 'bits', 'integers', (t, d, s) => t.copy(d, s)),
    ...unary('int32 to float32', 'float32', 'integers', (t, d, s) => t.convert('int32-to-float32', d, s)),
    ...unary('float32 to int32', 'bits', 'numbers', (t, d, s) => t.convert('float32-to-int32', d, s)),
    ...ternary('fma', 'float32', 'floats', (t, d, a, b) => t.fma(d, a, b)),
    ...Array.from({ length: traits.lanes }, (_, index) => partialProduct(index + 1)).flat(),
    ...ternary('fnma', 'float32', 'floats', (t, d, a, b) => t.fnma(d, a, b)),
    ...ternary('multiply-add', 'float32', 'floats', (t, d, a, b) => t.multiplyAdd(d, a, b)),
    ...ternary('dot', 'bits', 'integers', (t, d, a, b) => t.dot(d, a, b)),
  ];
}

/** Shifts by every number of bits and exchanges with every mask: one program each, one result after the other. */
function permutationCases({ lanes }: TargetTraits): OperationCase[] {
  const shifts = (['left', 'right-signed', 'right-unsigned'] as const).flatMap((shift: Shift) =>
    ([16, 32] as const).flatMap((width) =>
      [0, 1, 7, 8, 12, 15, ...(width === 32 ? [16, 24, 31] : [])].flatMap((bits) =>
        unary(`shift ${shift} of ${width} bits by ${bits}`, 'bits', 'integers', (t, d, s) =>
          t.shift(shift, width, d, s, bits),
        ).slice(0, bits === 15 ? 4 : 1),
      ),
    ),
  );
  const exchanges = Array.from({ length: lanes - 1 }, (_, i) =>
    unary(`exchange with mask ${i + 1}`, 'bits', 'integers', (t, d, s) => t.exchange(d, s, i + 1)),
  );
  const values = [0, -0, 1, -1.5, 1e-40, Infinity, Number.NaN];
  const constants = values.map((value) => ({
    name: `constant ${Object.is(value, -0) ? '-0' : value}`,
    output: 'float32' as const,
    data: 'floats' as const,
    program: lanewise((t, v) => {
      t.constant(v[3]!, value);
      return v[3]!;
    }, false),
  }));
  const bits = [0, 1, -1, 0x7fffffff, 0x80000000, 0xffffffff, 0x12345678];
  const integers = bits.map((value, i) => ({
    name: `integer constant ${value}`,
    output: 'bits' as const,
    data: 'floats' as const,
    program: lanewise(
      (t, v) => {
        t.integerConstant(v[3]!, value);
        return v[3]!;
      },
      i % 2 === 1,
    ),
  }));
  const indices = unary('lane indices', 'bits', 'floats', (t, d) => t.laneIndices(d));
  const zero = unary('zero', 'bits', 'floats', (t, d) => t.zero(d));
  return [...shifts, ...exchanges.flat(), ...constants, ...integers, ...zero, ...indices];
}

const NARROW: readonly NarrowFormat[] = ['int8', 'uint8', 'int16', 'uint16', 'float16', 'bfloat16'];
const bytesOf = (format: NarrowFormat) => (format.endsWith('8') ? 1 : 2);
const isHalf = (format: NarrowFormat) => format === 'float16' || format === 'bfloat16';

/** Results of a load go to the destination as whole vectors, one after the other. */
function loadCase(
  name: string,
  output: OutputFormat,
  bytes: number,
  emit: <Code>(target: Target<Code>, destination: Vector, base: Pointer, offset: number) => void,
): OperationCase {
  const program: Program = (target) => {
    // In area c neighbours differ, so that a lane in the wrong place shows.
    const { c, destination } = begin(target);
    const [vector] = target.vectors('value', 1) as [Vector];
    const end = target.pointer('end');
    let at = 0;
    const copy = (base: Pointer, offset: number) => {
      // What is there before must not stay in lanes that are to be zero.
      target.integerConstant(vector, 0x5a5a5a5a);
      emit(target, vector, base, offset);
      target.store(vector, { base: destination, offset: at });
      at += target.traits.lanes * 4;
    };
    for (let i = 0; i < 24; i++) copy(c, i * 13);
    // Encodings may count in vectors or in parts of them.
    for (const offset of [16, 32, 64, 128, 192, 1024, 2048]) copy(c, offset);
    // The last bytes of the memory: reading one more would fault.
    target.argument(end, FIELD.end);
    target.advance(end, -bytes);
    copy(end, 0);
    return target.finish();
  };
  return { name, output, data: 'integers', program };
}

function loadCases({ lanes: all }: TargetTraits): OperationCase[] {
  const counts = Array.from({ length: all }, (_, i) => i + 1);
  return [
    ...counts.map((lanes) =>
      loadCase(`load of ${lanes} lanes`, 'bits', lanes * 4, (t, d, base, offset) =>
        t.load(d, { base, offset }, lanes === all ? undefined : lanes),
      ),
    ),
    ...NARROW.flatMap((format) =>
      counts.map((lanes) =>
        loadCase(
          `load of ${lanes} lanes from ${format}`,
          isHalf(format) ? 'float32' : 'bits',
          lanes * bytesOf(format),
          (t, d, base, offset) =>
            t.loadNarrow(format, d, { base, offset }, lanes === all ? undefined : lanes),
        ),
      ),
    ),
    ...(['int8', 'uint8'] as const).map((format) =>
      loadCase(`load of pairs from ${format}`, 'bits', all * 2, (t, d, base, offset) =>
        t.loadPairs(format, d, { base, offset }),
      ),
    ),
    loadCase('splat', 'bits', 4, (t, d, base, offset) => t.splat(d, { base, offset })),
    ...(['float16', 'bfloat16'] as const).map((format) =>
      loadCase(`splat of ${format}`, 'float32', 2, (t, d, base, offset) =>
        t.splatNarrow(format, d, { base, offset }),
      ),
    ),
  ];
}

/** Stores at odd addresses with gaps between them, then to the last bytes of the memory. */
function storeCase(
  name: string,
  output: OutputFormat,
  data: OperationCase['data'],
  bytes: number,
  emit: <Code>(target: Target<Code>, source: Vector, base: Pointer, offset: number) => void,
): OperationCase {
  const program: Program = (target) => {
    // In area c neighbours differ, so that a lane in the wrong place shows.
    const { c, destination } = begin(target);
    const [vector] = target.vectors('value', 1) as [Vector];
    const end = target.pointer('end');
    const turns = Math.min(40, AREA_WORDS / target.traits.lanes);
    // An even distance: results of two bytes stay at even places, where the comparison expects them.
    const distance = bytes + 6 + (bytes % 2);
    target.loop(turns, () => {
      target.load(vector, { base: c, offset: 0 });
      emit(target, vector, destination, 0);
      target.advance(c, target.traits.lanes * 4);
      target.advance(destination, distance);
    });
    target.argument(end, FIELD.end);
    target.advance(end, -bytes);
    emit(target, vector, end, 0);
    return target.finish();
  };
  return { name, output, data, program };
}

function storeCases({ lanes: all }: TargetTraits): OperationCase[] {
  const counts = Array.from({ length: all }, (_, i) => i + 1);
  return [
    ...counts.map((lanes) =>
      storeCase(`store of ${lanes} lanes`, 'bits', 'floats', lanes * 4, (t, s, base, offset) =>
        t.store(s, { base, offset }, lanes === all ? undefined : lanes),
      ),
    ),
    ...NARROW.flatMap((format) =>
      counts.map((lanes) =>
        storeCase(
          `store of ${lanes} lanes as ${format}`,
          isHalf(format) ? (format as OutputFormat) : 'bits',
          isHalf(format) ? 'floats' : 'integers',
          lanes * bytesOf(format),
          (t, s, base, offset) =>
            t.storeNarrow(format, s, { base, offset }, lanes === all ? undefined : lanes),
        ),
      ),
    ),
  ];
}

/** Every float16 and bfloat16 there is, widened; then the float32 numbers around each and around the middle to the next, narrowed. */
function halfCases(): OperationCase[] {
  return (['float16', 'bfloat16'] as const).flatMap((format) => {
    const widen: Program = (target) => {
      const { a, destination } = begin(target);
      const [value] = target.vectors('value', 1) as [Vector];
      target.argument(a, FIELD.halves);
      target.loop(65536 / target.traits.lanes, () => {
        target.loadNarrow(format, value, { base: a, offset: 0 });
        target.store(value, { base: destination, offset: 0 });
        target.advance(a, target.traits.lanes * 2);
        target.advance(destination, target.traits.lanes * 4);
      });
      return target.finish();
    };
    const narrow: Program = (target) => {
      const { a, destination } = begin(target);
      const [value, nudge] = target.vectors('values', 2) as [Vector, Vector];
      const middle = format === 'float16' ? 0x1000 : 0x8000;
      target.argument(a, FIELD.halves);
      target.loop(65536 / target.traits.lanes, () => {
        for (const distance of [0, -1, middle - 1, middle, middle + 1]) {
          target.loadNarrow(format, value, { base: a, offset: 0 });
          target.integerConstant(nudge, distance);
          target.integer('add', value, value, nudge);
          target.storeNarrow(format, value, { base: destination, offset: 0 });
          target.advance(destination, target.traits.lanes * 2);
        }
        target.advance(a, target.traits.lanes * 2);
      });
      return target.finish();
    };
    return [
      {
        name: `widening of every ${format}`,
        output: 'float32',
        data: 'integers',
        program: widen,
        hasManyResults: true,
      },
      {
        name: `narrowing to ${format} around every number`,
        output: format,
        data: 'integers',
        program: narrow,
        hasManyResults: true,
      },
    ];
  });
}

/** Stores a mark at `destination` and moves on: shows how often, and in which order, code ran. */
function mark<Code>(target: Target<Code>, vector: Vector, destination: Pointer, bits: number): void {
  target.integerConstant(vector, bits);
  target.store(vector, { base: destination, offset: 0 }, 1);
  target.advance(destination, 4);
}

function flow(name: string, emit: <Code>(emission: Emission<Code>, vector: Vector) => void): OperationCase {
  const program: Program = (target) => {
    const emission = begin(target);
    const [vector] = target.vectors('value', 1) as [Vector];
    emit(emission, vector);
    return target.finish();
  };
  return { name, output: 'bits', data: 'integers', program };
}

function loopCases(): OperationCase[] {
  return [
    ...[0, 1, 2, 3, 7, 100].map((times) =>
      flow(`loop of ${times} turns`, ({ target, destination }, vector) => {
        target.loop(times, () => mark(target, vector, destination, 17));
        mark(target, vector, destination, 18);
      }),
    ),
    ...(['zero', 'one', 'three', 'thousand'] as const).map((field) =>
      flow(`loop of ${field} turns from the argument block`, ({ target, destination }, vector) => {
        target.loopArgument(FIELD[field], () => mark(target, vector, destination, 17));
        mark(target, vector, destination, 18);
      }),
    ),
    flow('loops in loops', ({ target, destination }, vector) => {
      target.loop(3, () => {
        mark(target, vector, destination, 1);
        target.loopArgument(FIELD.three, () => {
          target.loop(2, () => mark(target, vector, destination, 2));
          target.loopArgument(FIELD.zero, () => mark(target, vector, destination, 3));
          target.loop(0, () => mark(target, vector, destination, 4));
          target.loop(1, () => mark(target, vector, destination, 5));
          target.loopArgument(FIELD.one, () => mark(target, vector, destination, 6));
        });
        target.loop(2, () => mark(target, vector, destination, 7));
      });
    }),
    flow('a loop whose body is longer than a short jump reaches', ({ target, destination }, vector) => {
      target.loop(3, () => {
        for (let i = 0; i < 200; i++) mark(target, vector, destination, i);
        target.advance(destination, -796);
      });
    }),
    flow('a loop whose body is longer than 64 KiB', ({ target, a, destination }, vector) => {
      target.loopArgument(FIELD.three, () => {
        for (let i = 0; i < 8000; i++) {
          target.load(vector, { base: a, offset: (i * 4) % 2000 });
          target.store(vector, { base: destination, offset: (i * 4) % 30_000 });
        }
        target.advance(destination, 4);
      });
    }),
  ];
}

function addressCases({ pointers }: TargetTraits): OperationCase[] {
  return [
    flow('advances by every distance', ({ target, a, b, destination }, vector) => {
      for (const bytes of [0, 1, -1, 4, 127, 128, -128, -129, 200_000, -199_999, 2 ** 30, -(2 ** 30)]) {
        target.advance(a, bytes);
        target.copyPointer(b, a);
        if (Math.abs(bytes) > 1e6) continue;
        target.advance(b, bytes > 1e5 ? -bytes : 0);
        target.load(vector, { base: b, offset: 300 });
        target.store(vector, { base: destination, offset: 0 });
        target.advance(destination, target.traits.lanes * 4);
      }
    }),
    flow('advances by an argument times a scale', ({ target, a, destination }, vector) => {
      const scales = [1, 2, 3, 4, 5, 8, 9, 12, 100];
      for (const field of ['zero', 'one', 'three', 'thousand'] as const) {
        for (const scale of scales) {
          target.argument(a, FIELD.halves);
          target.advanceByArgument(a, FIELD[field], scale);
          target.load(vector, { base: a, offset: 0 });
          target.store(vector, { base: destination, offset: 0 });
          target.advance(destination, target.traits.lanes * 4);
        }
      }
    }),
    flow('advances by a word in memory times a scale', ({ target, a, b, destination }, vector) => {
      for (const field of ['zero', 'one', 'three', 'thousand'] as const) {
        for (const scale of [1, 2, 3, 4, 8, 12, 100]) {
          target.argument(a, FIELD.halves);
          target.advanceByWord(a, { base: target.block, offset: FIELD[field] * 8 }, scale);
          target.load(vector, { base: a, offset: 0 });
          target.store(vector, { base: destination, offset: 0 });
          target.advance(destination, target.traits.lanes * 4);
        }
      }
      // A pointer moved by the word that it points to.
      target.argument(b, FIELD.destination);
      target.integerConstant(vector, 64);
      target.store(vector, { base: b, offset: 70_000 }, 1);
      target.advance(b, 70_000);
      target.advanceByWord(b, { base: b, offset: 0 }, 3);
      target.store(vector, { base: b, offset: 0 }, 1);
    }),
    flow('access through every pointer with offsets of every length', ({ target, destination }, vector) => {
      const more = Array.from({ length: pointers - 4 }, (_, i) => target.pointer(`more ${i}`));
      for (const [i, pointer] of more.entries()) {
        target.argument(pointer, FIELD.halves);
        target.advance(pointer, i * 4);
      }
      for (const pointer of more) {
        for (const offset of [0, 1, 127, 128, 131, 30_000]) {
          target.load(vector, { base: pointer, offset });
          target.store(vector, { base: destination, offset });
          target.splat(vector, { base: pointer, offset });
          target.store(vector, { base: destination, offset: offset + 35_000 }, 1);
        }
        target.advance(destination, 64);
      }
      // Through every pointer as the base of a store.
      for (const [i, pointer] of more.entries()) {
        target.argument(pointer, FIELD.destination);
        target.store(vector, { base: pointer, offset: 80_000 + i * 64 });
        target.copyPointer(destination, pointer);
        target.store(vector, { base: destination, offset: 90_000 + i * 64 });
      }
    }),
    flow('moves of words', ({ target, a, b, destination }) => {
      for (let i = 0; i < 20; i++) {
        target.moveWord({ base: destination, offset: i * 5 }, { base: i % 2 ? a : b, offset: i * 7 });
      }
    }),
    flow('reads of the argument block as memory', ({ target, destination }, vector) => {
      target.load(vector, { base: target.block, offset: FIELD.zero * 8 }, 4);
      target.store(vector, { base: destination, offset: 0 }, 4);
      target.splat(vector, { base: target.block, offset: FIELD.thousand * 8 });
      target.store(vector, { base: destination, offset: 64 });
    }),
    flow('prefetches of any address', ({ target, a, destination }, vector) => {
      target.prefetch({ base: a, offset: 100 });
      target.prefetch({ base: a, offset: 2 ** 31 - 1 });
      target.prefetch({ base: a, offset: 0 }, true);
      mark(target, vector, destination, 5);
    }),
  ];
}

function routineCases(): OperationCase[] {
  return [
    flow('a routine that is called from several places', ({ target, a, b, c, destination }, vector) => {
      const copyThree = target.routine([a, destination], () => {
        target.loop(3, () => {
          target.load(vector, { base: a, offset: 4 });
          target.store(vector, { base: destination, offset: 0 });
          target.advance(a, 4);
          target.advance(destination, 100);
        });
      });
      const markTwo = target.routine([b], () => {
        target.loopArgument(FIELD.three, () => mark(target, vector, b, 99));
      });
      const at = (bytes: number) => {
        target.argument(a, FIELD.a);
        target.argument(destination, FIELD.destination);
        target.advance(a, bytes);
        target.advance(destination, bytes * 4);
      };
      at(0);
      target.call(copyThree);
      target.argument(c, FIELD.destination);
      target.advance(c, 2000);
      target.loop(4, () => {
        target.copyPointer(b, c);
        target.advance(c, 64);
        target.call(markTwo);
        target.loopArgument(FIELD.three, () => {
          at(400);
          target.call(copyThree);
        });
        target.copyPointer(destination, c);
        mark(target, vector, destination, 4);
      });
      at(800);
      target.call(copyThree);
    }),
    flow('a routine without pointers that reads the block', ({ target, a, destination }, vector) => {
      const routine = target.routine([], () => {
        target.argument(a, FIELD.destination);
        target.splat(vector, { base: target.block, offset: FIELD.thousand * 8 });
        target.store(vector, { base: a, offset: 400 });
      });
      target.call(routine);
      target.integerConstant(vector, 3);
      target.store(vector, { base: destination, offset: 0 });
      target.call(routine);
    }),
    flow('a routine that counts its calls', ({ target, destination }, vector) => {
      const [one] = target.vectors('one', 1) as [Vector];
      const routine = target.routine([], () => {
        target.load(vector, { base: target.block, offset: FIELD.count * 8 }, 1);
        target.integerConstant(one, 1);
        target.integer('add', vector, vector, one);
        target.store(vector, { base: target.block, offset: FIELD.count * 8 }, 1);
      });
      target.call(routine);
      target.loop(3, () => target.loopArgument(FIELD.three, () => target.call(routine)));
      target.moveWord({ base: destination, offset: 0 }, { base: target.block, offset: FIELD.count * 8 });
    }),
    flow('a routine that is never called', ({ target, destination }, vector) => {
      target.routine([destination], () => mark(target, vector, destination, 1));
      mark(target, vector, destination, 2);
    }),
  ];
}

function bfloat16DotCases(traits: TargetTraits): OperationCase[] {
  if (!traits.dotBfloat16) return [];
  const cases = ternary('dot of bfloat16', 'float32', 'ordinary', (t, d, a, b) => t.dotBfloat16(d, a, b));
  return cases.map((entry) => ({ ...entry, tolerance: 2 ** -21 }));
}

export function operationCases(traits: TargetTraits): OperationCase[] {
  return [
    ...arithmeticCases(traits),
    ...permutationCases(traits),
    ...loadCases(traits),
    ...storeCases(traits),
    ...halfCases(),
    ...bfloat16DotCases(traits),
    ...loopCases(),
    ...addressCases(traits),
    ...routineCases(),
    ...bitCases(traits),
  ];
}
