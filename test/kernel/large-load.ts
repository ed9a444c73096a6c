/**
 * Loads and changes the tables of very many services in the network namespace that it is started in, connects through
 * them, and says what it saw; nftables-user-namespace.test.ts starts it where socket buffers can't be forced.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import net from 'node:net';
import { addToAddress, formatAddress, parseAddress } from '../../src/address/address.ts';
import { parsePrefix } from '../../src/address/prefix.ts';
import { RulesetSession } from '../../src/kernel/nftables/ruleset-session.ts';
import { diffTables } from '../../src/netfilter/diff-tables.ts';
import type { PlannedService } from '../../src/plan/service/service-plan.ts';
import { ServiceTables } from '../../src/render/service/service-tables.ts';

const SERVICES = 10_000;
const ENDPOINTS = 10;
/** Services that change, and how many of them at once. */
const CHANGED = 1_000;
const PIECE = 100;
/** What the kernel's default of net.core.wmem_max allows; this machine's may be larger. */
const USUAL_BUFFER = 2 * 212_992 - 32;
const PORT = 8080;
const FIRST_SERVICE = parseAddress('10.96.0.10');
const FIRST_ENDPOINT = parseAddress('10.128.0.0');

/** The service of a number; of two generations, which share no endpoint. */
function planned(number: number, generation: number): PlannedService {
  const id = `default/svc-${number} tcp IPv4 Cluster`;
  const first = (generation * SERVICES + number) * ENDPOINTS;
  const endpoints = Array.from({ length: ENDPOINTS }, (_, index) => ({
    address: addToAddress(FIRST_ENDPOINT, first + index),
    port: PORT,
    local: true,
  }));
  return {
    pools: [{ id, family: 4, protocol: 'tcp', policy: 'Cluster', endpoints, whenEmpty: 'reject' }],
    fronts: [
      {
        kind: 'address',
        role: 'cluster',
        name: `default/svc-${number}`,
        family: 4,
        protocol: 'tcp',
        address: addToAddress(FIRST_SERVICE, number),
        port: 80,
        reach: 'everyone',
        pool: id,
      },
    ],
  };
}

function services(generation: number) {
  return Array.from(
    { length: SERVICES },
    (_, number) => [`default/svc-${number}`, planned(number, generation)] as const,
  );
}

const surroundings = {
  addresses: [],
  nodePortAddresses: [],
  peerNodePortAddresses: [],
  podPrefixes: [],
  clusterPrefixes: [parsePrefix('10.128.0.0/10')],
  servicePrefixes: [parsePrefix('10.96.0.0/12')],
};

/** To which address a connection to the service of a number has come. */
function reached(number: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: formatAddress(addToAddress(FIRST_SERVICE, number)), port: 80 });
    socket.on('data', (data) => resolve(String(data)));
    socket.on('error', reject);
  });
}

async function assertLeads(generation: number, numbers: readonly number[]): Promise<void> {
  for (const number of numbers) {
    const expected = planned(number, generation).pools.flatMap(({ endpoints }) =>
      endpoints.map(({ address }) => address),
    );
    assert.ok(expected.map(formatAddress).includes(await reached(number)), `service ${number}`);
  }
}

for (const line of ['link set lo up', 'addr add 10.128.0.0/10 dev lo', 'route add default dev lo'])
  assert.equal(spawnSync('ip', line.split(' ')).status, 0, line);
const server = net.createServer((socket) => socket.end(socket.localAddress ?? '')).listen(PORT, '0.0.0.0');

using session = RulesetSession.open(undefined, { longestTransaction: USUAL_BUFFER });
const tables = new ServiceTables();
session.apply(tables.replace({ surroundings, services: new Map(services(0)) }).tables);
await assertLeads(0, [0, 1, SERVICES / 2, SERVICES - 1]);
const changed = services(1).slice(0, CHANGED);
for (let at = 0; at < CHANGED; at += PIECE) session.apply(tables.change(changed.slice(at, at + PIECE)).tables);
await assertLeads(1, [0, 1, CHANGED - 1]);

const [wanted] = tables.tables;
assert.ok(wanted !== undefined);
const read = session.read(wanted);
assert.ok(read !== undefined);
assert.deepEqual(diffTables([read], [wanted]), []);
assert.deepEqual(
  read.maps.map(({ name }) => name).sort(),
  wanted.maps.map(({ name }) => name).sort(),
  'no stand-in is left over',
);
const listed = spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' });
const elements = read.maps.reduce((sum, map) => sum + map.elements.length, 0);
console.log(JSON.stringify({ longest: session.longestTransaction, elements, tables: listed.stdout.trim() }));
server.close();
