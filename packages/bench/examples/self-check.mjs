// What this machine can tell apart today: how often a function looks different from itself, and how often 5 % more work is found.
// Run after a build: node examples/self-check.mjs [comparisons]
import { compareInterleaved, formatTable } from '@qedge/bench';
import { describeMachine } from '@qedge/bench/node';

const comparisons = Number(process.argv[2] ?? 50);
const values = Float64Array.from({ length: 21_000 }, (_, i) => Math.sin(i));

function sumOf(name, count) {
  let sum = 0;
  return {
    name,
    run() {
      let total = 0;
      for (let i = 0; i < count; i++) total += values[i] * values[i];
      sum = total;
    },
    check() {
      if (Math.abs(sum / (count / 2) - 1) > 1e-3) throw new Error(`the sum is ${sum}`);
    },
  };
}

async function verdicts(count) {
  const tally = { faster: 0, slower: 0, indistinguishable: 0 };
  for (let seed = 1; seed <= comparisons; seed++) {
    const { subjects } = await compareInterleaved([sumOf('base', 20_000), sumOf('other', count)], {
      warmUpMs: 30,
      seed,
    });
    tally[subjects[1].verdict]++;
  }
  return tally;
}

const { cpuModel, runtime, loadAverage } = describeMachine();
console.log(`${cpuModel}, ${runtime}, load ${loadAverage}, ${comparisons} comparisons each`);
console.log(
  formatTable([
    { 'compared with the base': 'the same work', ...(await verdicts(20_000)) },
    { 'compared with the base': '5 % more work', ...(await verdicts(21_000)) },
  ]),
);
