import type { Pointer, Target, TargetTraits, Vector } from '../src/target/target.ts';
import { FIELD, type OperationCase } from './operation-cases.ts';

// Arithmetic on addresses and loops over bits, as programs that store what pointers hold.

type Store = (pointer: Pointer) => void;

/** A program on four pointers; `store` writes the low and the high word of one to the destination. */
function pointerCase(
  name: string,
  emit: <Code>(target: Target<Code>, pointers: readonly [Pointer, Pointer, Pointer], store: Store) => void,
): OperationCase {
  return {
    name,
    output: 'bits',
    data: 'integers',
    program: (target) => {
      const pointers = ['a', 'b', 'c'].map((role) => target.pointer(role)) as [Pointer, Pointer, Pointer];
      const destination = target.pointer('destination');
      target.argument(destination, FIELD.destination);
      emit(target, pointers, (pointer) => {
        target.setArgument(FIELD.count, pointer);
        for (const offset of [0, 4]) {
          target.moveWord(
            { base: destination, offset },
            { base: target.block, offset: FIELD.count * 8 + offset },
          );
        }
        target.advance(destination, 8);
      });
      return target.finish();
    },
  };
}

const SELECTIONS: readonly (readonly [readonly number[], number])[] = [
  [[3], 0],
  [[9], 4],
  [[0, 1, 2], 7],
  [[3, 4, 5, 6], 2],
  [[3, 5, 6, 7], 0],
  [[9, 7, 5, 3], 6],
  [[8, 9, 0, 1, 2], 3],
  [[29, 30], 1],
  [[6, 3, 4], 20],
];
const WIDE_SELECTIONS: readonly (readonly [readonly number[], number])[] = [
  [[33, 35, 36], 5],
  [[40, 3, 41], 0],
  [[31, 32, 33, 34], 2],
  [[46], 30],
];

/** @param traits addresses of WebAssembly are 32 bits wide; on the others bits above are tested too. */
export function bitCases({ id }: TargetTraits): OperationCase[] {
  const isWide = !id.startsWith('wasm');
  const offsets = [0, 1, 127, 128, 2 ** 31 - 1, ...(isWide ? [2 ** 31, 2 ** 32 + 7, 2 ** 40, 2 ** 46] : [])];
  const selections = [...SELECTIONS, ...(isWide ? WIDE_SELECTIONS : [])];
  const masks = [
    0,
    1,
    0b1010,
    2 ** 20 + 2 ** 5,
    ...(isWide ? [2 ** 33 + 2 ** 31 + 1, 2 ** 45 + 2 ** 44] : []),
  ];
  return [
    pointerCase('sums of pointers', (target, [a, b, c], store) => {
      target.argument(a, FIELD.three);
      target.argument(b, FIELD.thousand);
      for (const [d, x, y] of [
        [c, a, b],
        [a, a, b],
        [b, a, b],
        [a, a, a],
      ] as const) {
        target.addPointers(d, x, y);
        store(d);
      }
    }),
    pointerCase('pointers with offsets', (target, [a, b], store) => {
      for (const bytes of offsets) {
        target.argument(a, FIELD.three);
        target.offsetPointer(b, a, bytes);
        store(b);
        target.offsetPointer(a, a, bytes);
        store(a);
      }
    }),
    pointerCase('selections of bits and their parity', (target, [a, b, c], store) => {
      for (const start of [0, 0x2a5b_1c3d, ...(isWide ? [0x2a5b_1c3d * 2 ** 14 + 0x19e7] : [])]) {
        target.argument(a, FIELD.zero);
        target.offsetPointer(a, a, start);
        for (const [positions, shift] of selections) {
          target.gatherBits(b, a, positions, shift);
          store(b);
          target.parityOfBits(c, a, positions, shift);
          store(c);
        }
      }
    }),
    ...masks.map((mask) =>
      pointerCase(`subsets of the bits of ${mask}`, (target, [a, b], store) => {
        target.argument(b, FIELD.thousand);
        target.nextSubset(b, 0);
        store(b);
        target.loopSubsets(a, mask, () => {
          store(a);
          target.nextSubset(b, mask);
          store(b);
        });
        store(a);
      }),
    ),
    pointerCase('loops over bits in loops over bits, in a routine', (target, [a, b, c], store) => {
      const routine = target.routine([], () => {
        target.argument(b, FIELD.zero);
        target.loopSubsets(a, 0b110, () => {
          target.loopSubsets(c, 0b11000, () => target.addPointers(b, b, c));
          target.addPointers(b, b, a);
        });
        target.setArgument(FIELD.count, b);
      });
      target.call(routine);
      target.loopArgument(FIELD.three, () => target.call(routine));
      target.argument(c, FIELD.count);
      store(c);
    }),
    fragmentCase(),
    moveCase(),
    exchangeCase(),
  ];
}

/** Many vectors at once, at offsets of every length, in an order of their own. */
function moveCase(): OperationCase {
  return {
    name: 'moves of many vectors',
    output: 'bits',
    data: 'integers',
    program: (target) => {
      const [from, to] = [target.pointer('from'), target.pointer('to')];
      const vectors = target.vectors('values', 6);
      target.argument(from, FIELD.a);
      target.argument(to, FIELD.destination);
      const routine = target.routine([from, to], () => {
        for (const step of [0, 5, 300]) {
          target.loadAll(
            vectors,
            from,
            vectors.map((_, i) => i * (step + 64)),
          );
          target.storeAll(
            vectors.toReversed(),
            to,
            vectors.map((_, i) => i * (step + 64)),
          );
          target.advance(to, 20_000);
        }
        target.loadAll([vectors[3]!], from, [1000]);
        target.storeAll([vectors[3]!], to, [100_000]);
      });
      target.call(routine);
      return target.finish();
    },
  };
}

/** The same fragment three times, and another one between, in two routines. */
function fragmentCase(): OperationCase {
  return {
    name: 'fragments of code',
    output: 'bits',
    data: 'integers',
    program: (target) => {
      const [from, to] = [target.pointer('from'), target.pointer('to')];
      const [x, y] = target.vectors('values', 2) as [Vector, Vector];
      const bytes = target.traits.lanes * 4;
      const doubled = () => {
        target.fragment('double', () => {
          target.load(x, { base: from, offset: 4 });
          target.integer('add', x, x, x);
          target.store(x, { base: to, offset: 0 });
        });
        target.advance(from, bytes);
        target.advance(to, bytes);
      };
      const routines = [0, 1].map((index) =>
        target.routine([from, to], () => {
          doubled();
          target.fragment('sum', () => {
            target.load(y, { base: from, offset: 0 });
            target.integer('add', y, y, x);
            target.store(y, { base: to, offset: 4096 });
          });
          if (index === 1) doubled();
        }),
      );
      for (const [index, routine] of routines.entries()) {
        target.argument(from, FIELD.a);
        target.argument(to, FIELD.destination);
        target.advance(to, index * 10_000);
        target.call(routine);
      }
      return target.finish();
    },
  };
}

function exchangeCase(): OperationCase {
  return {
    name: 'exchanges through a workspace',
    output: 'bits',
    data: 'integers',
    program: (target) => {
      const [from, to] = [target.pointer('from'), target.pointer('to')];
      const [x, y] = target.vectors('values', 2) as [Vector, Vector];
      target.argument(from, FIELD.a);
      target.argument(to, FIELD.destination);
      const bytes = target.traits.lanes * 4;
      for (let mask = 1; mask < target.traits.lanes; mask++) {
        target.load(x, { base: from, offset: mask * 64 });
        // Not compared: the target may leave anything there.
        const workspace = { base: to, offset: 100_000 };
        target.exchange(y, x, mask, workspace);
        target.exchange(x, x, mask, workspace);
        target.store(y, { base: to, offset: 2 * mask * bytes });
        target.store(x, { base: to, offset: (2 * mask + 1) * bytes });
      }
      target.zero(x);
      target.store(x, { base: to, offset: 100_000 });
      return target.finish();
    },
  };
}
