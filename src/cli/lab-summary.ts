import type { LabStatus, ServiceStatus } from '../lab/lab-status.ts';
import { formatTable } from './table.ts';

/** More pods than this are counted, not listed. */
const LISTED_PODS = 40;
/** The same for services. */
const LISTED_SERVICES = 20;

/** `80/TCP`, `80:30080/TCP` with a node port, as kubectl prints them. */
function formatServicePort({ port, protocol, nodePort }: ServiceStatus['ports'][number]): string {
  return `${port}${nodePort === undefined ? '' : `:${nodePort}`}/${protocol}`;
}

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
  const services = status.services
    .slice(0, LISTED_SERVICES)
    .map((service) => [
      `${service.namespace}/${service.name}`,
      service.addresses.join(' '),
      service.ports.map(formatServicePort).join(' '),
    ]);
  const moreServices = status.services.length - services.length;
  return [
    formatTable(['host', 'state', 'subnet', 'addresses', 'pod prefixes'], hosts),
    '',
    ...(pods.length > 0 ? [formatTable(['node', 'pod', 'state', 'addresses'], pods)] : ['no pods']),
    ...(more > 0 ? [`… and ${more} more: kubectl get pods -A -o wide`] : []),
    ...(services.length > 0 ? ['', formatTable(['service', 'addresses', 'ports'], services)] : []),
    ...(moreServices > 0 ? [`… and ${moreServices} more: kubectl get services -A`] : []),
  ].join('\n');
}

/** What to try next with a lab that has just come up. */
export function formatNextSteps(status: LabStatus): string {
  const name = status.name === 'default' ? '' : ` --name ${status.name}`;
  const reachable = status.pods.filter(({ addresses, ports }) => addresses.length > 0 && ports.length > 0);
  const [first] = reachable;
  const other = reachable.findLast(({ node }) => node !== first?.node) ?? reachable.at(-1);
  const steps: (readonly [string, string])[] = [
    ...(status.api === undefined
      ? []
      : [[`export KUBECONFIG=${status.api.kubeconfig}`, 'then any kubectl command'] as const]),
    [`flatnet lab exec${name} node/${status.hosts[0]?.name} -- ip route`, 'look at a host'],
  ];
  // Where addresses repeat, who answers is the story's to tell.
  if (status.model !== 'kubernetes')
    steps.push(
      [`flatnet lab story${name}`, 'how this model works, with packets'],
      [`flatnet verify --lab ${status.name}`, 'what becomes of the three rules in it'],
    );
  else if (first !== undefined && other !== undefined) {
    const from = `flatnet lab exec${name} ${first.namespace}/${first.name} -- curl -s`;
    const where = `${other.namespace}/${other.name} on ${other.node}`;
    steps.push([`${from} http://${urlHost(other.addresses[0])}:${other.ports[0]}/`, `ask ${where}`]);
    if (status.internet[0] !== undefined)
      steps.push([`${from} http://${urlHost(status.internet[0])}/`, 'ask the host outside, which sees the node']);
  }
  if (first !== undefined && status.model === 'kubernetes')
    steps.push(...serviceSteps(status, `${first.namespace}/${first.name}`, name));
  for (const { url, target } of status.publications) steps.push([`curl ${url}`, `that is ${target}`]);
  steps.push([`flatnet lab down${name}`, 'end it']);
  const width = Math.max(...steps.map(([command]) => command.length));
  return ['Try:', ...steps.map(([command, why]) => `  ${command.padEnd(width)}   # ${why}`)].join('\n');
}

/** How to reach a service: by its address from a pod, by its node port from outside. */
function serviceSteps(status: LabStatus, pod: string, name: string): readonly (readonly [string, string])[] {
  const answers = status.services.filter(({ namespace, name: own }) => `${namespace}/${own}` !== 'default/kubernetes');
  const exposed = answers.find(({ ports }) => ports[0]?.nodePort !== undefined);
  const service = exposed ?? answers[0];
  const [port] = service?.ports ?? [];
  const steps: (readonly [string, string])[] = [];
  if (service !== undefined && port !== undefined) {
    const url = `http://${urlHost(service.addresses[0])}${port.port === 80 ? '' : `:${port.port}`}/`;
    const what = `ask the service ${service.namespace}/${service.name}: some pod of it answers`;
    steps.push([`flatnet lab exec${name} ${pod} -- curl -s ${url}`, what]);
  }
  const node = status.hosts[0]?.addresses[0];
  if (exposed !== undefined && node !== undefined && status.internet.length > 0)
    steps.push([
      `flatnet lab exec${name} internet -- curl -s http://${urlHost(node)}:${exposed.ports[0]?.nodePort}/`,
      `ask ${exposed.namespace}/${exposed.name} from outside, at a port of any node`,
    ]);
  return steps;
}

const urlHost = (address = '') => (address.includes(':') ? `[${address}]` : address);

/** Prints a lab for people, with what to try next, or for programs. */
export function printLabStatus(status: LabStatus, json: boolean): void {
  if (json) process.stdout.write(`${JSON.stringify(status)}\n`);
  else process.stdout.write(`${formatLabStatus(status)}\n\n${formatNextSteps(status)}\n`);
}
