import {
  describeFailure,
  MAP_FAILED,
  MAP_PRIVATE,
  type PosixCalls,
  PROT_READ,
  posixCalls,
} from './posix-calls.ts';

/** A mapped file, or why it cannot be mapped here. */
export type MapResult =
  | { readonly mapping: FileMapping; readonly why: null }
  | { readonly mapping: null; readonly why: string };

/**
 * A whole file at one address of this process, of any length: views are made of the parts that are asked for.
 *
 * The memory is unmapped with the last holder and the last loan of its address. Where the engine cannot detach a view (Node 20), it waits
 * until the garbage collector finds that no view is reachable: reading unmapped memory would end the process. While an address is
 * lent ({@link lend}) it stays, even when the borrower is forgotten. An unused mapping costs address space only; its pages belong to
 * the system's page cache.
 */
export class FileMapping {
  readonly address: number;
  readonly byteLength: number;
  readonly calls: PosixCalls;
  #loans = 0;
  /** Whether views may be reachable that cannot be detached. */
  #viewed = false;
  #retired = false;

  /** @internal Use {@link mapDescriptor}. */
  constructor(calls: PosixCalls, address: number, byteLength: number) {
    this.calls = calls;
    this.address = address;
    this.byteLength = byteLength;
    unmapWhenUnreachable.register(this, { calls, address, byteLength }, this);
  }

  /**
   * Lends the file's own pages for a call; where the engine can, the view is empty afterwards. Writing to them ends the process
   * (SIGSEGV), and so does reading them after the file was truncated (SIGBUS): callers check the file first.
   */
  borrow<Result>(offset: number, byteLength: number, use: (bytes: Uint8Array) => Result): Result {
    if (byteLength === 0) return use(new Uint8Array(0));
    const buffer: ArrayBuffer = this.calls.koffi.view(BigInt(this.address + offset), byteLength);
    this.lend();
    try {
      return use(new Uint8Array(buffer));
    } finally {
      this.#takeBack(buffer);
    }
  }

  /** Keeps the memory mapped until the matching {@link giveBack}. */
  lend(): void {
    this.#loans++;
    lentMappings.add(this);
  }

  giveBack(): void {
    this.#loans--;
    if (this.#loans > 0) return;
    lentMappings.delete(this);
    this.#unmapIfUnused();
  }

  /** The holders are gone: no view or loan will be asked for any more. */
  retire(): void {
    this.#retired = true;
    this.#unmapIfUnused();
  }

  #takeBack(buffer: ArrayBuffer & { transfer?(byteLength: number): ArrayBuffer }): void {
    // Somebody transferred it: who reads the memory now is not known, so this loan never ends.
    if (buffer.byteLength === 0) return;
    buffer.transfer?.(0);
    if (buffer.byteLength > 0) {
      mappingOfView.set(buffer, this);
      this.#viewed = true;
    }
    this.giveBack();
  }

  #unmapIfUnused(): void {
    if (!this.#retired || this.#loans > 0 || this.#viewed) return;
    unmapWhenUnreachable.unregister(this);
    this.calls.munmap(this.address, this.byteLength);
  }
}

const unmapWhenUnreachable = new FinalizationRegistry<Pick<FileMapping, 'calls' | 'address' | 'byteLength'>>(
  ({ calls, address, byteLength }) => calls.munmap(address, byteLength),
);

/** A view's buffer keeps its mapping reachable. Engines that cannot detach such a buffer cannot transfer it either. */
const mappingOfView = new WeakMap<ArrayBuffer, FileMapping>();

/** Machine code holds addresses that the garbage collector does not see. */
const lentMappings = new Set<FileMapping>();

/**
 * Maps the first `byteLength` bytes of an open file with `mmap(PROT_READ, MAP_PRIVATE)`. The descriptor may be closed afterwards.
 */
export function mapDescriptor(descriptor: number, byteLength: number): MapResult {
  if (byteLength === 0) return { mapping: null, why: 'an empty file has no pages to map' };
  const posix = posixCalls();
  if (!posix.available) return { mapping: null, why: posix.reason };
  const { calls } = posix;
  const address = calls.mmap(0, byteLength, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (address === MAP_FAILED) return { mapping: null, why: describeFailure('mmap', calls.koffi) };
  try {
    // A host may refuse views of foreign memory (V8's sandbox does): asked here, where reading on demand is still possible.
    calls.koffi.view(BigInt(address), 1);
  } catch (error) {
    calls.munmap(address, byteLength);
    return { mapping: null, why: `this host has no views of foreign memory: ${(error as Error).message}` };
  }
  return { mapping: new FileMapping(calls, address, byteLength), why: null };
}
