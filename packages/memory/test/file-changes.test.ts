import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Random } from '@qedge/core';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadKoffi, openSafetensors } from '../src/node.ts';

// What would end a process, in processes of their own.

const directory = mkdtempSync(join(tmpdir(), 'qedge-changes-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

beforeAll(async () => {
  await build({
    config: false,
    entry: [fileURLToPath(new URL('../src/node.ts', import.meta.url))],
    outDir: directory,
    outExtension: () => ({ js: '.mjs' }),
    format: 'esm',
    target: 'node20',
    platform: 'node',
    external: ['koffi'],
    noExternal: [/^@qedge\//],
    silent: true,
    esbuildOptions: (options) => {
      options.conditions = ['@qedge/source'];
    },
  });
  const core = createRequire(fileURLToPath(import.meta.resolve('@qedge/core/package.json')));
  const koffi = join(directory, 'node_modules', 'koffi');
  mkdirSync(koffi, { recursive: true });
  if (loadKoffi().available) {
    writeFileSync(
      join(koffi, 'index.js'),
      `module.exports = require(${JSON.stringify(core.resolve('koffi'))});`,
    );
    writeFileSync(join(koffi, 'package.json'), '{"name":"koffi","main":"index.js"}');
  }
});

const argumentsFor = (program: string, flags: readonly string[] = []) => [
  ...flags,
  '--input-type=module',
  '--eval',
  `import * as memory from './node.mjs';
   import fs from 'node:fs';
   import { execFileSync } from 'node:child_process';
   ${program}`,
];

/** The exit of a program, and what it printed. */
function run(program: string, flags: readonly string[] = []) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, argumentsFor(program, flags), {
    cwd: directory,
    encoding: 'utf8',
  });
  return { status, signal, stderr, told: stdout === '' ? null : JSON.parse(stdout) };
}

describe('a file that another process changes while it is mapped', () => {
  const changes: readonly [string, string, RegExp][] = [
    ['truncated', 'require("fs").truncateSync("victim", 100)', /was truncated/],
    ['truncated to nothing', 'require("fs").truncateSync("victim", 0)', /was truncated/],
    [
      'replaced',
      'fs=require("fs");fs.copyFileSync("victim","new");fs.renameSync("new","victim")',
      /was replaced/,
    ],
    ['overwritten', 'require("fs").writeFileSync("victim", "short")', /was truncated/],
    ['removed', 'require("fs").rmSync("victim")', /was removed/],
  ];
  it.each(changes)(
    '%s: every use is refused with a typed error and the process lives',
    (_, change, message) => {
      const { status, signal, stderr, told } = run(`
      const data = Float32Array.from({ length: 100_000 }, (_, i) => i);
      await memory.saveSafetensors('victim', { tensors: [{ name: 'x', dtype: 'float32', shape: [100_000], data }] });
      const tensors = memory.openSafetensors('victim');
      const file = memory.mapFile('victim');
      const pages = file.pages();
      const linear = new WebAssembly.Memory({ initial: 8 });
      const { overlay } = file.mapInto(linear, 0, { fileOffset: 0, byteLength: 65_536 });
      const before = tensors.load('x').data[99_999];
      execFileSync(process.execPath, ['--eval', ${JSON.stringify(change)}]);
      const uses = {
        load: () => tensors.load('x'),
        lend: () => tensors.borrow('x', ({ data }) => data[99_999]),
        read: () => file.read(0, file.byteLength),
        pages: () => pages?.verify(),
        overlay: () => overlay?.verify(),
        map: () => file.mapInto(linear, 65_536, { fileOffset: 0, byteLength: 65_536 }),
        residency: () => file.residency(0, 10),
      };
      const errors = {};
      for (const [name, use] of Object.entries(uses)) {
        try { use(); errors[name] = null; } catch (error) { errors[name] = error.code + ': ' + error.message; }
      }
      pages?.dispose(); overlay?.dispose(); file.dispose(); tensors.dispose();
      new Uint8Array(linear.buffer).fill(1);
      console.log(JSON.stringify({ before, errors, mapped: pages !== null }));`);
      expect(stderr).toBe('');
      expect({ status, signal }).toEqual({ status: 0, signal: null });
      expect(told.before).toBe(99_999);
      for (const [use, error] of Object.entries(told.errors)) {
        if (!told.mapped && ['pages', 'overlay'].includes(use)) continue;
        expect(error, use).toMatch(/^FILE_FORMAT: /);
        expect(error, use).toMatch(message);
      }
    },
  );
});

describe.skipIf(process.platform !== 'linux' || !loadKoffi().available)('memory of a mapped file', () => {
  const prelude = `
    import { setTimeout } from 'node:timers/promises';
    const isMapped = () => fs.readFileSync('/proc/self/maps', 'utf8').includes('/weights');
    const collect = async () => { for (let i = 0; i < 20 && isMapped(); i++) { gc(); await setTimeout(5); } };
    fs.writeFileSync('weights', new Uint8Array(100_000).fill(5));
    let file = memory.mapFile('weights');`;

  it('is unmapped at once with the last handle, when nobody looked at it', () => {
    const { told } = run(`${prelude}
      const second = file.share();
      file.dispose();
      const shared = isMapped();
      second.dispose();
      console.log(JSON.stringify({ shared, closed: isMapped() }));`);
    expect(told).toEqual({ shared: true, closed: false });
  });

  it('stays while an address is lent, even to somebody who has forgotten it', () => {
    const { told } = run(
      `${prelude}
      let pages = file.pages();
      const kept = file.pages();
      file.dispose();
      file = null;
      pages = null;
      await collect();
      const forgotten = isMapped();
      kept.verify();
      console.log(JSON.stringify({ forgotten }));`,
      ['--expose-gc'],
    );
    expect(told).toEqual({ forgotten: true });
  });

  it('is unmapped when the last loan is given back, and after views when they are collected', () => {
    const { told } = run(
      `${prelude}
      const pages = file.pages();
      file.dispose();
      const lent = isMapped();
      pages.dispose();
      const givenBack = isMapped();
      file = memory.mapFile('weights');
      const sum = file.borrow(0, 100_000, (bytes) => bytes[99_999]);
      file.dispose();
      file = null;
      await collect();
      console.log(JSON.stringify({ lent, givenBack, sum, collected: isMapped() }));`,
      ['--expose-gc'],
    );
    expect(told).toEqual({ lent: true, givenBack: false, sum: 5, collected: false });
  });

  it('of WebAssembly survives the collection of everything around its overlay', () => {
    const { status, told } = run(
      `${prelude}
      const linear = new WebAssembly.Memory({ initial: 2, maximum: 100 });
      file.mapInto(linear, 0, { fileOffset: 0, byteLength: 65_536 });
      file.dispose();
      file = null;
      for (let i = 0; i < 5; i++) { gc(); await setTimeout(5); }
      linear.grow(20);
      const byte = new Uint8Array(linear.buffer)[65_535];
      (() => {
        const passing = new WebAssembly.Memory({ initial: 2 });
        const other = memory.mapFile('weights');
        other.mapInto(passing, 0, { fileOffset: 0, byteLength: 65_536 });
      })();
      for (let i = 0; i < 5; i++) { gc(); await setTimeout(5); }
      const again = new WebAssembly.Memory({ initial: 2 });
      console.log(JSON.stringify({ byte, zero: new Uint8Array(again.buffer).every((byte) => byte === 0) }));`,
      ['--expose-gc'],
    );
    expect(status).toBe(0);
    expect(told).toEqual({ byte: 5, zero: true });
  });
});

describe.skipIf(!loadKoffi().available)('random use of mapped files', () => {
  // Views kept against the contract, handles and loans given back in any order, memories that grow, the collector at any time: whatever
  // can be read is what the file holds, and the process lives.
  it('never reads memory that is gone', () => {
    const { status, signal, stderr, told } = run(
      `
      const BYTES = 3 * 65_536 + 1000;
      const byteAt = (i) => (i * 31 + (i >> 12) + 7) & 255;
      fs.writeFileSync('random', Uint8Array.from({ length: BYTES }, (_, i) => byteAt(i)));
      let state = 12345;
      const integer = (bound) => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return Math.floor((state / 2 ** 32) * bound);
      };
      const take = (list) => (list.length === 0 ? undefined : list.splice(integer(list.length), 1)[0]);
      const any = (list) => list[integer(list.length)];
      const files = [], loans = [], views = [], linears = [];
      let checked = 0;
      const check = (bytes, offset) => {
        if (bytes.length === 0) return;
        const i = integer(bytes.length);
        if (bytes[i] !== byteAt(offset + i)) throw new Error('byte ' + (offset + i) + ' is ' + bytes[i]);
        checked++;
      };
      const actions = [
        () => files.length < 20 && files.push(memory.mapFile('random')),
        () => files.length > 0 && files.length < 40 && files.push(any(files).share()),
        () => take(files)?.dispose(),
        () => files.length > 0 && loans.push(any(files).pages()),
        () => take(loans)?.dispose(),
        () => loans.length > 50 && loans.splice(0, 20),
        () => any(loans)?.verify(),
        () => {
          const offset = integer(BYTES);
          any(files)?.borrow(offset, integer(BYTES - offset), (bytes) => {
            check(bytes, offset);
            if (integer(3) === 0) views.push({ bytes, offset });
            if (integer(10) === 0) take(files)?.dispose();
            check(bytes, offset);
          });
        },
        () => { const view = any(views); if (view) check(view.bytes, view.offset); },
        () => views.splice(0, integer(views.length + 1)),
        () => linears.length < 5 && linears.push({ linear: new WebAssembly.Memory({ initial: 4, maximum: 64, shared: integer(2) === 1 }), overlays: [] }),
        () => {
          const chosen = any(linears);
          if (!chosen || chosen.overlays.length > 0 || files.length === 0) return;
          const page = integer(3);
          const result = any(files).mapInto(chosen.linear, 65_536, { fileOffset: page * 65_536, byteLength: 65_536 });
          if (!result.mapped) throw new Error(result.reason);
          chosen.overlays.push({ overlay: result.overlay, fileOffset: page * 65_536 });
        },
        () => {
          const chosen = any(linears);
          for (const { fileOffset } of chosen?.overlays ?? []) check(new Uint8Array(chosen.linear.buffer, 65_536, 65_536), fileOffset);
        },
        () => any(linears)?.overlays.pop()?.overlay.dispose(),
        () => { const chosen = any(linears); if (chosen && chosen.linear.buffer.byteLength < 60 * 65_536) chosen.linear.grow(1); },
        () => integer(20) === 0 && take(linears),
        () => integer(200) === 0 && gc(),
      ];
      for (let step = 0; step < 40_000; step++) any(actions)();
      console.log(JSON.stringify({ checked }));`,
      ['--expose-gc'],
    );
    expect(stderr).toBe('');
    expect({ status, signal }).toEqual({ status: 0, signal: null });
    expect(told.checked).toBeGreaterThan(3000);
  });
});

describe('a process that is killed while it saves', () => {
  const LENGTH = 500_000;
  const children: ChildProcess[] = [];
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
  });

  it('leaves the old file or all of the new one', async () => {
    const program = `
      let round = 0;
      for (;;) {
        const data = new Float32Array(${LENGTH}).fill(round);
        await memory.saveSafetensors('saved', {
          tensors: [{ name: 'x', dtype: 'float32', shape: [${LENGTH}], data }],
          metadata: { round: String(round) },
        });
        if (round++ === 0) console.log('saved once');
      }`;
    const random = new Random(3);
    let interrupted = 0;
    for (let kill = 0; kill < 20 && interrupted < 3; kill++) {
      const child = spawn(process.execPath, argumentsFor(program), {
        cwd: directory,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(child);
      await new Promise((resolve) => child.stdout!.once('data', resolve));
      await setTimeout(20 * random.uniform());
      const ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
      child.kill('SIGKILL');
      expect(await ended).toBe('SIGKILL');
      using file = openSafetensors(join(directory, 'saved'));
      const round = Number(file.metadata.round);
      expect(
        file.borrow('x', ({ data }) => data.length === LENGTH && data.every((value) => value === round)),
      ).toBe(true);
      for (const name of readdirSync(directory).filter((entry) => entry.endsWith('.tmp'))) {
        interrupted++;
        rmSync(join(directory, name));
      }
    }
    expect(interrupted).toBeGreaterThan(0);
  });
});
