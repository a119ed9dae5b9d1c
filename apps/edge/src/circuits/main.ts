import { workOffline } from '../offline.ts';
import '../style.css';
import { element, showProblem } from '../view.ts';
import type { CircuitSize, CompileAnswer, CompileJob } from './compile-job.ts';

const EXAMPLE = `OPENQASM 3.0;
include "stdgates.inc";
// A full adder: sum and carry of three bits, q[3] starts at 0.
qubit[4] q;
bit[2] c;
x q[0];
x q[2];
ccx q[0], q[1], q[3];
cx q[0], q[1];
ccx q[1], q[2], q[3];
cx q[1], q[2];
cx q[0], q[1];
c[0] = measure q[2];
c[1] = measure q[3];
`;

const source = element<HTMLTextAreaElement>('source');
const compiled = element<HTMLTextAreaElement>('compiled');
const drawing = element<HTMLImageElement>('drawing');
let worker: Worker | null = null;

/** Compiles what stands in the text field, in a worker of its own so that the page stays awake. */
function compile(): void {
  cancel();
  hideProblem();
  setWorking('reading');
  const job: CompileJob = {
    source: source.value,
    couplings: chosen('couplings') as CompileJob['couplings'],
    basis: chosen('basis'),
    level: Number(chosen('level')) as CompileJob['level'],
    seed: Math.max(0, Math.trunc(Number(element<HTMLInputElement>('seed').value) || 0)),
  };
  worker = new Worker(new URL('./compile-worker.ts', import.meta.url), { type: 'module' });
  worker.addEventListener('message', ({ data }: MessageEvent<CompileAnswer>) => show(data));
  worker.addEventListener('error', (event) => show({ kind: 'problem', message: event.message }));
  worker.postMessage(job);
}

function cancel(): void {
  worker?.terminate();
  worker = null;
  setWorking(null);
}

function show(answer: CompileAnswer): void {
  if (answer.kind === 'pass') {
    setWorking(answer.name);
    return;
  }
  cancel();
  if (answer.kind === 'problem') {
    showProblem(new Error(answer.message));
    return;
  }
  compiled.value = answer.text;
  showCounts(answer.before, answer.after, [
    ['Time', `${answer.milliseconds.toFixed(answer.milliseconds < 10 ? 1 : 0)} ms`],
    ['Checked by simulation', answer.verified],
  ]);
  showDrawing(answer.svg);
}

function showCounts(
  before: CircuitSize,
  after: CircuitSize,
  more: readonly (readonly [string, string])[],
): void {
  const rows: (readonly [string, string])[] = [
    ['Two-qubit gates', `${before.twoQubitGates} → ${after.twoQubitGates}`],
    ['All gates', `${before.gates} → ${after.gates}`],
    ['Depth', `${before.depth} → ${after.depth}`],
    ...more,
  ];
  element('counts').replaceChildren(
    ...rows.map(([name, value]) => {
      const [row, term, detail] = ['div', 'dt', 'dd'].map((tag) => document.createElement(tag));
      term!.textContent = name;
      detail!.textContent = value;
      row!.append(term!, detail!);
      return row!;
    }),
  );
}

function showDrawing(svg: string | null): void {
  if (drawing.src) URL.revokeObjectURL(drawing.src);
  drawing.hidden = svg === null;
  element('drawing-reason').textContent = svg === null ? 'Too large to draw here.' : '';
  // As an image, so that nothing in it can run.
  if (svg === null) drawing.removeAttribute('src');
  else drawing.src = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }));
  drawing.alt = svg === null ? '' : 'Drawing of the compiled circuit';
}

function setWorking(step: string | null): void {
  element('cancel').hidden = step === null;
  element('progress').textContent = step === null ? '' : `${step} …`;
}

function hideProblem(): void {
  element('problem').hidden = true;
}

function chosen(id: string): string {
  return element<HTMLSelectElement>(id).value;
}

source.value = EXAMPLE;
element('compile').addEventListener('click', compile);
element('cancel').addEventListener('click', cancel);
window.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) compile();
});
document.documentElement.dataset.ready = 'true';
void workOffline();
