/**
 * Holds the model of the kernel against the kernel, for random hosts, rules and packets:
 *
 *     npm run test:differential -- [--cases N] [--seed S] [--keep-going N]
 *
 * Run by test/run.ts's mechanism, in namespaces of its own.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { runDifferential } from './differential.ts';

const { values } = parseArgs({
  options: { cases: { type: 'string' }, seed: { type: 'string' }, 'keep-going': { type: 'string' } },
});
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
const result = runDifferential({
  cases: Number(values.cases ?? 1000),
  seed,
  keepGoing: Number(values['keep-going'] ?? 0),
  onDisagreement: (text) => console.log(`${text}\n`),
});
const { cases, packets, unknown, outdated, delivered, refused, silent, milliseconds, cpuSeconds } = result;
console.log(
  `seed ${seed}: ${cases} cases, ${packets} packets (${delivered} delivered, ${refused} refused, ${silent} silent), ` +
    `unknown ${unknown}, outdated ${outdated}, ${((1000 * cases) / milliseconds).toFixed(0)} cases a second, ${(cases / cpuSeconds).toFixed(0)} a second of CPU`,
);
for (const [reason, count] of result.reasons) console.log(`  unknown: ${reason} ${count}`);
for (const [message, count] of [...result.refusedParts].sort((left, right) => right[1] - left[1]).slice(0, 12))
  console.log(`  refused by the kernel: ${message} ${count}`);
if (result.disagreements.length > 0) process.exitCode = 1;
