import { readFileSync } from 'node:fs';
import { UseAfterReleaseError } from '@qedge/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ExecutableMemory } from '../src/native/executable-memory.ts';
import { BundledProject, nodeExecutables } from './bundled-project.ts';
import { missingMachineCode } from './host-features.ts';

const missing = missingMachineCode();
if (missing) console.warn(`SKIPPED: executable memory. ${missing}`);

/** `mov eax, value; ret`, padded with `int3` to `byteLength`. */
function returning(value: number, byteLength = 6): Uint8Array {
  const code = new Uint8Array(byteLength).fill(0xcc);
  code.set([0xb8, value & 255, (value >>> 8) & 255, (value >>> 16) & 255, (value >>> 24) & 255, 0xc3]);
  return code;
}

describe.skipIf(missing !== '')('executable memory', () => {
  const call = (memory: ExecutableMemory, address: number): number =>
    memory.koffi.decode<() => number>(BigInt(address), memory.koffi.proto('int32_t', []))();
  const place = (memory: ExecutableMemory, code: Uint8Array): number => {
    const placement = memory.place(code);
    if (!placement.placed) throw new Error(placement.reason);
    return placement.address;
  };

  it('runs every function that was placed, of any length, at cache lines that no two share', () => {
    using memory = new ExecutableMemory();
    const lengths = [6, 63, 64, 65, 4096, 300_000, 700_000, 2 ** 20, 2 ** 20 + 1, 6, 3_000_000, 7];
    const placed = lengths.map((byteLength, index) => ({
      byteLength,
      address: place(memory, returning(1000 + index, byteLength)),
    }));
    placed.forEach(({ address }, index) => {
      expect(address % 64).toBe(0);
      expect(call(memory, address)).toBe(1000 + index);
    });
    const sorted = placed.toSorted((a, b) => a.address - b.address);
    for (let i = 1; i < sorted.length; i++) {
      expect(sorted[i]!.address).toBeGreaterThanOrEqual(sorted[i - 1]!.address + sorted[i - 1]!.byteLength);
    }
  });

  it('puts code where other code was released, and leaves its neighbours alone', () => {
    using memory = new ExecutableMemory();
    const lengths = [100, 5000, 64, 3000];
    const addresses = lengths.map((byteLength, index) => place(memory, returning(index, byteLength)));
    memory.release(addresses[1]!, lengths[1]!);
    memory.release(addresses[2]!, lengths[2]!);
    // Longer than each of the two, not than both.
    const reused = place(memory, returning(7, 5060));
    expect(reused).toBe(addresses[1]);
    expect([addresses[0]!, reused, addresses[3]!].map((address) => call(memory, address))).toEqual([0, 7, 3]);
    expect(place(memory, returning(8, 64))).not.toBe(reused);
    for (let round = 0; round < 100; round++) {
      const address = place(memory, returning(round, 200_000));
      expect(call(memory, address)).toBe(round);
      memory.release(address, 200_000);
    }
  });

  it('has no mapping that is writable', () => {
    using memory = new ExecutableMemory();
    const address = place(memory, returning(1));
    const covering = readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter((line) => {
        const [from, to] = line
          .split(' ', 1)[0]!
          .split('-')
          .map((text) => Number.parseInt(text, 16));
        return from! <= address && address < to!;
      });
    expect(covering).toHaveLength(1);
    expect(covering[0]).toMatch(/ r-xs .*memfd:qedge-code/);
  });

  it('keeps code that was placed when it is disposed, and takes no more', () => {
    const memory = new ExecutableMemory();
    const address = place(memory, returning(7));
    memory.dispose();
    memory.dispose();
    expect(call(memory, address)).toBe(7);
    expect(() => memory.place(returning(8))).toThrow(UseAfterReleaseError);
  });
});

// What a service manager or a container may forbid, done for real: by prctl and by a system call filter of the child itself.
const FORBID = `
  const koffi = createRequire(process.cwd() + '/x.js')('koffi');
  const prctl = koffi.load(null).func('int prctl(int, int64_t, int64_t, int64_t, int64_t)');
  const forbidWritableThenExecutable = () => {
    const [PR_SET_MDWE, REFUSE_EXEC_GAIN] = [65, 1];
    if (prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0) !== 0) throw new Error('MDWE: errno ' + koffi.errno());
  };
  const forbidMemfd = () => {
    const [PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER, MEMFD_CREATE, EPERM] = [38, 22, 2, 319, 1];
    // Load the number of the system call; memfd_create gives EPERM; everything else is allowed.
    const program = new Uint8Array(32);
    [[0x20, 0, 0, 0], [0x15, 0, 1, MEMFD_CREATE], [0x06, 0, 0, 0x50000 | EPERM], [0x06, 0, 0, 0x7fff0000]].forEach(
      ([code, yes, no, k], index) => {
        const view = new DataView(program.buffer, index * 8);
        view.setUint16(0, code, true);
        view.setUint8(2, yes);
        view.setUint8(3, no);
        view.setUint32(4, k, true);
      });
    const header = new DataView(new ArrayBuffer(16));
    header.setUint16(0, 4, true);
    header.setBigUint64(8, koffi.address(program), true);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0) throw new Error('errno ' + koffi.errno());
    if (prctl(PR_SET_SECCOMP, FILTER, Number(koffi.address(header)), 0, 0) !== 0)
      throw new Error('seccomp: errno ' + koffi.errno());
    return [program, header];
  };`;

const program = (forbid: string) => `
  import { createRequire } from 'node:module';
  import { readFileSync } from 'node:fs';
  import { ExecutableMemory } from './memory.mjs';
  ${FORBID}
  ${forbid}
  const memory = new ExecutableMemory();
  const code = (value) => Uint8Array.of(0xb8, value, 0, 0, 0, 0xc3);
  const answers = [];
  for (const value of [42, 43]) {
    const placement = memory.place(code(value));
    if (!placement.placed) { console.log(JSON.stringify(placement)); process.exit(); }
    answers.push(koffi.decode(BigInt(placement.address), koffi.proto('int32_t', []))());
  }
  const maps = readFileSync('/proc/self/maps', 'utf8');
  console.log(JSON.stringify({ answers, way: maps.includes('qedge-code') ? 'memfd' : 'mprotect' }));
`;

describe.skipIf(missing !== '').each(nodeExecutables())('where the system forbids it (%s)', (node) => {
  const project = new BundledProject();
  beforeAll(() => project.build({ memory: 'src/native/executable-memory.ts' }));
  afterAll(() => project.remove());

  const run = async (forbid: string, flags: readonly string[] = []) => {
    const { output, complaints, signal } = await project.run(program(forbid), { node, flags });
    expect({ signal, output }, complaints).toMatchObject({
      signal: null,
      output: expect.stringContaining('{'),
    });
    return JSON.parse(output);
  };

  it.each([
    ['nothing is forbidden', '', 'memfd'],
    ['memory may not become executable', 'forbidWritableThenExecutable();', 'memfd'],
    ['memfd_create is forbidden', 'const kept = forbidMemfd();', 'mprotect'],
  ])('code runs although %s', async (_, forbid, way) => {
    expect(await run(forbid)).toEqual({ answers: [42, 43], way });
  });

  it('a refusal names both ways, their errno and a remedy', async () => {
    const refused = await run('const kept = forbidMemfd(); forbidWritableThenExecutable();');
    expect(refused).toMatchObject({ placed: false, remedy: expect.stringContaining('WebAssembly') });
    expect(refused.reason).toMatch(/memfd_create failed with errno 1 \(EPERM\)/);
    expect(refused.reason).toMatch(/mprotect\(PROT_EXEC\) failed with errno 13 \(EACCES\)/);
  });

  it('a process that may load no add-ons says how to allow them', async () => {
    const permission = Number(process.versions.node.split('.')[0]) < 23 && node === process.execPath;
    const { output, complaints } = await project.run(
      `const { ExecutableMemory } = await import('./memory.mjs');
       try { new ExecutableMemory(); } catch ({ code, message }) { console.log(JSON.stringify({ code, message })); }`,
      { node, flags: [permission ? '--experimental-permission' : '--permission', '--allow-fs-read=*'] },
    );
    expect(output, complaints).toContain('CAPABILITY_UNAVAILABLE');
    expect(JSON.parse(output).message).toMatch(/--allow-addons/);
  });
});
