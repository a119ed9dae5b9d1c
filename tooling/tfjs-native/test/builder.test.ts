import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pythonSymbolsSource } from '../native-library.mjs';

const BUILDER = join(import.meta.dirname, '../build.mjs');
const run = (parameters: string[], env = process.env) =>
  spawnSync(process.execPath, [BUILDER, ...parameters], { encoding: 'utf8', env });

describe('the builder of the native packages', () => {
  it('explains itself, and refuses options that it does not know', () => {
    const help = run(['--help']);
    expect([help.status, help.stderr]).toEqual([0, '']);
    expect(help.stdout).toContain('--gpu');
    const wrong = run(['--cuda']);
    expect([wrong.status, wrong.stdout]).toEqual([2, '']);
    expect(wrong.stderr).toContain("Unknown option '--cuda'");
  });

  it.skipIf(process.platform !== 'linux')('names a missing tool and what installs it', () => {
    const { status, stdout, stderr } = run([], { PATH: '/nonexistent' });
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain('`npm --version` does not run');
    expect(stderr).toContain('apt-get install npm');
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('defines exactly the Python symbols of a listing: objects as memory, functions as stubs that abort', () => {
    const listing = `
                 U PyExc_ValueError
                 U PyList_Type
                 U _Py_NoneStruct@@BASE
                 U PyObject_Call
                 U Py_IsInitialized
                 U PyObject_Call
                 w __gmon_start__
                 U memcpy@GLIBC_2.14
                 U TF_NewStatus`;
    const lines = pythonSymbolsSource(listing).trim().split('\n').slice(2);
    expect(lines).toEqual([
      'char PyExc_ValueError[1024] __attribute__((aligned(16)));',
      'char PyList_Type[1024] __attribute__((aligned(16)));',
      'void *PyObject_Call(void) { fprintf(stderr, "the Python symbol PyObject_Call was called\\n"); abort(); }',
      'int Py_IsInitialized(void) { return 0; }',
      'char _Py_NoneStruct[1024] __attribute__((aligned(16)));',
    ]);
  });
});
