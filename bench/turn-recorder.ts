/**
 * Preloaded into a process that is measured: looks every millisecond how much processor time the main thread has had
 * since, which tells how long it kept others waiting whatever else the machine did. On SIGUSR2 it writes what exceeded
 * TURN to the file named in FLATNET_BENCH_TURNS, as lines of milliseconds since 1970 and milliseconds of processor.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const TURN = 5;
const file = process.env.FLATNET_BENCH_TURNS;
const turns: string[] = [];

function processorTime(): number {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}

let last = processorTime();
setInterval(() => {
  const now = processorTime();
  if (now - last > TURN) turns.push(`${Date.now()} ${now - last}`);
  last = now;
}, 1).unref();

process.on('SIGUSR2', () => {
  if (file !== undefined) writeFileSync(file, `${turns.join('\n')}\nend\n`);
});
