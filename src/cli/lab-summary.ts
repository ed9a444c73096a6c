import type { LabStatus } from '../lab/lab-status.ts';
import { formatTable } from './table.ts';

/** More pods than this are counted, not listed. */
const LISTED_PODS = 40;

/** A lab as a table for people. */
export function formatLabStatus(status: LabStatus): string {
  const hosts = status.hosts.map((host) => [
    host.name,
    host.up ? (host.ready ? 'ready' : 'not ready') : 'down',
    host.subnet,
    host.addresses.join(' '),
    host.podPrefixes.join(' '),
  ]);
  const pods = status.pods
    .slice(0, LISTED_PODS)
    .map((pod) => [
      pod.node === '' ? '-' : pod.node,
      `${pod.namespace}/${pod.name}`,
      pod.ready ? 'ready' : pod.phase.toLowerCase(),
      pod.addresses.join(' '),
    ]);
  const more = status.pods.length - pods.length;
  return [
    formatTable(['host', 'state', 'subnet', 'addresses', 'pod prefixes'], hosts),
    '',
    ...(pods.length > 0 ? [formatTable(['node', 'pod', 'state', 'addresses'], pods)] : ['no pods']),
    ...(more > 0 ? [`… and ${more} more: kubectl get pods -A -o wide`] : []),
  ].join('\n');
}

/** What to try next with a lab that has just come up. */
export function formatNextSteps(status: LabStatus): string {
  const name = status.name === 'default' ? '' : ` --name ${status.name}`;
  const reachable = status.pods.filter(({ addresses, ports }) => addresses.length > 0 && ports.length > 0);
  const [first] = reachable;
  const other = reachable.findLast(({ node }) => node !== first?.node) ?? reachable.at(-1);
  const steps: (readonly [string, string])[] = [
    [`export KUBECONFIG=${status.api.kubeconfig}`, 'then any kubectl command'],
    [`flatnet lab exec${name} node/${status.hosts[0]?.name} -- ip route`, 'look at a host'],
  ];
  if (first !== undefined && other !== undefined) {
    const from = `flatnet lab exec${name} ${first.namespace}/${first.name} -- curl -s`;
    const where = `${other.namespace}/${other.name} on ${other.node}`;
    steps.push([`${from} http://${urlHost(other.addresses[0])}:${other.ports[0]}/`, `ask ${where}`]);
    if (status.internet[0] !== undefined)
      steps.push([`${from} http://${urlHost(status.internet[0])}/`, 'ask the host outside, which sees the node']);
  }
  for (const { url, target } of status.publications) steps.push([`curl ${url}`, `that is ${target}`]);
  steps.push([`flatnet lab down${name}`, 'end it']);
  const width = Math.max(...steps.map(([command]) => command.length));
  return ['Try:', ...steps.map(([command, why]) => `  ${command.padEnd(width)}   # ${why}`)].join('\n');
}

const urlHost = (address = '') => (address.includes(':') ? `[${address}]` : address);

/** Prints a lab for people, with what to try next, or for programs. */
export function printLabStatus(status: LabStatus, json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify(status)}\n`);
  else process.stdout.write(`${formatLabStatus(status)}\n\n${formatNextSteps(status)}\n`);
}
