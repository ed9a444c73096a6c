/**
 * Talks over one TCP connection to an echo server until standard input ends: prints "talking" at the first echo, then
 * exits 0. Exits 1 where the connection breaks or an echo stays away for half a minute.
 *
 *     node keep-talking.ts ADDRESS PORT
 */
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const PATIENCE = 30_000;
const PAUSE = 10;

const [host = '', port = ''] = process.argv.slice(2);
let stopped = false;
process.stdin.on('end', () => {
  stopped = true;
});
process.stdin.resume();

const socket = net.connect({ host, port: Number(port) });
socket.setTimeout(PATIENCE, () => fail('no echo'));
socket.once('error', (error) => fail(error.message));
socket.once('close', () => fail('closed'));

for (let turn = 0; !stopped; turn++) {
  const echo = new Promise((resolve) => socket.once('data', resolve));
  socket.write(`turn ${turn}\n`);
  await echo;
  if (turn === 0) console.log('talking');
  await sleep(PAUSE);
}
process.exit(0);

function fail(why: string): never {
  console.error(why);
  process.exit(1);
}
