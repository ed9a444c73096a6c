/**
 * Reads an iptables dump of kube-proxy's with a number of lines, as a host's rules are read from a snapshot; prints what it took,
 * as JSON.
 *
 *     node bench/proof/parse-dump.ts LINES
 */
import { addToAddress, parseAddress } from '../../src/address/address.ts';
import { parseRulesets } from '../../src/host/dump/parse-rulesets.ts';
import { readProcess } from '../process-usage.ts';
import { iptablesDump } from './iptables-dump.ts';

/** Of a service with two endpoints: three for itself, and four for each of these. */
const LINES_PER_SERVICE = 11;

const wanted = Number(process.argv[2]);
const iptables = iptablesDump(
  Array.from({ length: Math.ceil(wanted / LINES_PER_SERVICE) }, (_, number) => ({
    name: `default/svc-${number}:http`,
    address: addToAddress(parseAddress('10.200.0.0'), number),
    port: 80,
    endpoints: [0, 1].map((index) => ({
      address: addToAddress(parseAddress('10.0.0.2'), number * 2 + index),
      port: 8080,
    })),
  })),
);
const lines = iptables.split('\n').length - 1;
const before = process.cpuUsage();
const start = performance.now();
const none = { nftJson: '{"nftables": []}', nftText: undefined, ip6tables: '', ipset: undefined };
const { ruleset, unknown } = parseRulesets({ ...none, iptables });
const milliseconds = performance.now() - start;
const { user, system } = process.cpuUsage(before);
if (unknown.length > 0 || ruleset.tables.length !== 1) throw new Error(JSON.stringify(unknown));
console.log(
  JSON.stringify({ lines, milliseconds, processor: (user + system) / 1e3, peak: readProcess(process.pid).peak }),
);
