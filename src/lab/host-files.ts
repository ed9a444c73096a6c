import { formatAddress } from '../address/address.ts';
import { formatYaml } from '../error/yaml.ts';
import { formatAgentConfiguration } from './agent-configuration.ts';
import { INTERNET } from './fabric-plan.ts';
import type { LabConfiguration } from './lab-configuration.ts';
import { HOST_PATHS } from './lab-host.ts';

const LOOPBACK = ['127.0.0.1\tlocalhost', '::1\tlocalhost ip6-localhost ip6-loopback'];

/** The files in a host's /etc that tell it from others, by their paths below /etc. */
export function hostFiles(lab: LabConfiguration, name: string): Map<string, string> {
  return new Map([
    ['hostname', `${name}\n`],
    ['hosts', formatHosts(lab)],
    // The cluster's DNS, which a host can ask before any pod network is there.
    ['resolv.conf', lab.serviceAddresses.map((address) => `nameserver ${formatAddress(address)}\n`).join('')],
  ]);
}

/** The same for a host that is a node of the cluster, with what its agent reads. */
export function nodeFiles(lab: LabConfiguration, name: string, kubeconfig: string): Map<string, string> {
  const files = hostFiles(lab, name);
  if (name === INTERNET) return files;
  files.set(belowEtc(HOST_PATHS.agentConfiguration), formatAgentConfiguration(lab, name));
  files.set(belowEtc(HOST_PATHS.agentKubeconfig), kubeconfig);
  if (lab.masquerade !== undefined) files.set(belowEtc(HOST_PATHS.masqueradeConfiguration), formatYaml(lab.masquerade));
  return files;
}

const belowEtc = (path: string) => path.slice('/etc/'.length);

function formatHosts(lab: LabConfiguration): string {
  const hosts = [...lab.hosts, { name: INTERNET, addresses: lab.internet }];
  const lines = hosts.flatMap(({ name, addresses }) =>
    addresses.map(({ address }) => `${formatAddress(address)}\t${name}`),
  );
  return `${[...LOOPBACK, ...lines].join('\n')}\n`;
}
