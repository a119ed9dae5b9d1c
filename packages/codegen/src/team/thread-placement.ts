import type { Koffi } from '@qedge/core/node';
import { SCHED_YIELD } from './worker-program.ts';

/** Bytes of a processor mask of the C library: 1024 processors. Systems with more refuse it, and threads stay where they are. */
const MASK_BYTES = 128;

/** Where the thread that waits for a team lets others run. */
export interface ThreadPlacement {
  /**
   * Lets another thread run on this core, and sends the threads of the team away from it for good: Linux may leave threads that wait for each
   * other on one core for a second while another core idles, and then two threads take as long as one.
   */
  yieldThread(): void;
}

type MaskCall = (task: number, byteLength: number, mask: Uint8Array) => number;

/**
 * How a team of `size` threads waits on this system.
 *
 * @param taskIds the threads of the team but the calling one, as the kernel numbers them.
 */
export function placeThreads(koffi: Koffi, size: number, taskIds: () => readonly number[]): ThreadPlacement {
  const library = koffi.load(null);
  const yieldThread = library.func<() => number>(SCHED_YIELD);
  if (process.platform !== 'linux') return { yieldThread };
  const currentProcessor = library.func<() => number>('int sched_getcpu()');
  const readMask = library.func<MaskCall>(
    'int sched_getaffinity(int task, size_t byteLength, _Out_ uint8_t *mask)',
  );
  const writeMask = library.func<MaskCall>(
    'int sched_setaffinity(int task, size_t byteLength, uint8_t *mask)',
  );
  const mask = new Uint8Array(MASK_BYTES);
  let avoided = -1;
  const leave = (processor: number): void => {
    avoided = processor;
    mask.fill(0);
    if (readMask(0, MASK_BYTES, mask) < 0 || countBits(mask) < size) return;
    mask[processor >> 3]! &= ~(1 << (processor & 7));
    for (const task of taskIds()) writeMask(task, MASK_BYTES, mask);
  };
  return {
    yieldThread: () => {
      const processor = currentProcessor();
      if (processor !== avoided) leave(processor);
      yieldThread();
    },
  };
}

function countBits(mask: Uint8Array): number {
  let count = 0;
  for (const byte of mask) for (let bits = byte; bits !== 0; bits &= bits - 1) count += 1;
  return count;
}
