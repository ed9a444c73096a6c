import { type Address, sameAddress } from '../../../address/address.ts';
import type { Family } from '../../../address/family.ts';
import type { Mac } from '../../../address/mac.ts';
import type { HostState } from '../../../host/network-state.ts';
import type { UnknownFact } from '../../report.ts';
import type { FleetTerms } from './fleet-terms.ts';
import { FormWriter } from './form-writer.ts';
import type { Glossary } from './glossary.ts';
import { describePod, describeRoot } from './host-form.ts';
import { type OutsideTables, outsideTables } from './outside-tables.ts';
import { OwnNames } from './own-names.ts';
import type { Probe, ProbeRegister } from './probe.ts';
import type { TargetKind } from './target-index.ts';

/** What is kept of a host once its state is dropped. */
export interface HostSketch {
  readonly place: number;
  readonly name: string;
  readonly isNode: boolean;
  /** The addresses of its own namespace, but for loopback's. */
  readonly roots: readonly Address[];
  /** The MACs of its devices, but for those of its pods' pairs, by what the devices are called. */
  readonly macs: ReadonlyMap<Mac, string>;
  /** The names of its ends of its pods' pairs. */
  readonly podLinks: ReadonlySet<string>;
  readonly pods: readonly PodSketch[];
  /** What its own namespace is made of, in words that any host made alike has. */
  readonly form: number;
  readonly probes: readonly Probe[];
  /** How many of its own addresses each probe holds. */
  readonly ownCounts: readonly Readonly<Record<TargetKind, number>>[];
  readonly mentions: readonly Address[];
  /** Addresses of others that packets are translated to. */
  readonly targets: readonly Address[];
  readonly isSingular: boolean;
  /** What it knows of the ways to others. */
  readonly tables: OutsideTables;
  readonly unknown: readonly UnknownFact[];
}

export interface PodSketch {
  /** Which of the host's namespaces it is, from 1 on. */
  readonly position: number;
  readonly addresses: readonly Address[];
  /** What it is made of, as a number: the same for pods made alike. */
  readonly form: number;
}

export function sketchHost(
  place: number,
  host: HostState,
  terms: FleetTerms,
  register: ProbeRegister,
  glossary: Glossary,
): HostSketch {
  const own = new OwnNames(host, terms.clusterOf(host));
  const writer = new FormWriter(own, register, glossary);
  const wishes = `ports ${terms.portsAt(own.roots)} policies ${terms.policyPrefixes.map((one) => writer.prefix(one)).join()}`;
  const form = `${describeRoot(writer)}\n${wishes}`;
  const forms = own.pods.map((pod) => describePod(writer, pod));
  const pods = own.pods.map((pod, index): PodSketch => {
    const asked = writer.probes.map(({ family, addresses }) =>
      memberBits(pod.addresses, family, (one) => addresses.has(one)),
    );
    const device = pod.wire?.host.device.name;
    const named = writer.deviceNames.map((name) => (device !== undefined && coversName(name, device) ? 1 : 0));
    return {
      position: own.map.sites.indexOf(pod.site),
      addresses: pod.addresses,
      form: glossary.number(
        `${forms[index]}\nports ${terms.portsAt(pod.addresses)} ${terms.labelsOf(pod.site)}\nasked ${asked.join(' ')}\nnamed ${named.join('')}`,
      ),
    };
  });
  const rootBits = writer.probes.map(({ family, addresses }) =>
    memberBits(own.roots, family, (one) => addresses.has(one)),
  );
  return {
    place,
    name: host.name,
    isNode: own.node !== undefined,
    roots: own.roots,
    macs: own.macs,
    podLinks: new Set(own.podLinks.keys()),
    pods,
    form: glossary.number(`${form}\nasked ${rootBits.join(' ')}`),
    probes: writer.probes,
    ownCounts: writer.probes.map(({ addresses }) => ({
      pod: own.pods.reduce((sum, pod) => sum + pod.addresses.filter((one) => addresses.has(one)).length, 0),
      root: own.roots.filter((one) => addresses.has(one)).length,
    })),
    mentions: writer.mentions,
    targets: writer.targets,
    isSingular: writer.isSingular,
    tables: outsideTables(host.root, own),
    unknown: own.unknown,
  };
}

/** What an address of a host's own namespace is called. */
export function rootNameOf({ roots }: Pick<HostSketch, 'roots'>, address: Address): string | undefined {
  const place = roots.findIndex((one) => sameAddress(one, address));
  return place < 0 ? undefined : `@r${place}`;
}

function memberBits(addresses: readonly Address[], family: Family, has: (address: Address) => boolean): string {
  let bits = '';
  for (const address of addresses) bits += address.family !== family ? '-' : has(address) ? '1' : '0';
  return bits;
}

function coversName(name: string, device: string): boolean {
  return name.endsWith('*') ? device.startsWith(name.slice(0, -1)) : name === device;
}
