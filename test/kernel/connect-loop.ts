/**
 * One end of connections that are made one after the other without a pause:
 *
 *     node connect-loop.ts serve NAME PORT              answers everybody with its name
 *     node connect-loop.ts connect NAME PORT ADDRESS    until standard input ends; whoever answers must bear the name
 *
 * Says "ready" once it listens, or has been answered; who connects says in the end how often, and what went wrong.
 */
import net from 'node:net';

/** Milliseconds without a word that are taken for silence. */
const PATIENCE = 30_000;

function serve(name: string, port: number): void {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.end(name);
  });
  server.listen({ host: '::', port }, () => console.log('ready'));
  process.stdin.on('end', () => process.exit(0)).resume();
}

async function connect(name: string, port: number, host: string): Promise<void> {
  let ended = false;
  process.stdin
    .on('end', () => {
      ended = true;
    })
    .resume();
  const troubles: string[] = [];
  let count = 0;
  for (; !ended; count++) {
    const answer = await ask(host, port);
    if (answer !== name) troubles.push(`connection ${count}: ${answer}`);
    if (count === 0) console.log('ready');
  }
  console.log(JSON.stringify({ count, troubles }));
}

/** What is answered, or what comes in the way of an answer. */
function ask(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    const finish = (answer: string) => {
      resolve(answer);
      // no TIME_WAIT: there are fewer ports than connections
      socket.resetAndDestroy();
    };
    socket.setTimeout(PATIENCE, () => finish('silence'));
    socket.on('error', ({ message }) => finish(message));
    socket.on('data', (data) => finish(String(data)));
    socket.on('end', () => finish('nothing'));
  });
}

const [role, name = '', port = '', address = ''] = process.argv.slice(2);
if (role === 'serve') serve(name, Number(port));
else await connect(name, Number(port), address);
