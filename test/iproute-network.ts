/** A pod network for tests of CNI with real runtimes: point to point, wired by iproute2 in a namespace that is the host. */
import { writeFileSync } from 'node:fs';
import { formatAddress, parseAddress } from '../src/address/address.ts';
import { FAMILY_BITS } from '../src/address/family.ts';
import { defaultPrefix, formatPrefix, parsePrefix } from '../src/address/prefix.ts';
import type { Attachment } from '../src/cni/attachment.ts';
import type { DetachTarget, PodNetwork, Readiness } from '../src/cni/pod-network.ts';
import { NetworkNamespace } from '../src/kernel/network-namespace.ts';
import { configure, jsonIn } from './namespace.ts';

const GATEWAYS = { 4: '169.254.1.1', 6: 'fe80::1' } as const;
const HOST_MAC = 'ee:ee:ee:ee:ee:ee';

export class IprouteNetwork implements PodNetwork {
  readonly #host: NetworkNamespace;

  constructor(host: NetworkNamespace) {
    this.#host = host;
    host.run(() => writeFileSync('/proc/sys/net/ipv4/ip_forward', '1'));
  }

  readiness(): Readiness {
    const podPrefixes = [parsePrefix('10.244.9.0/24'), parsePrefix('fd00:10:244:9::/64')];
    const gateways = [parseAddress(GATEWAYS[4]), parseAddress(GATEWAYS[6])];
    return { state: 'ready', parameters: { podPrefixes, wiring: 'point-to-point', mtu: 1400, gateways } };
  }

  async podAnnotations(): Promise<undefined> {
    return undefined;
  }

  async attach({ hostLink, interfaceName, mac, mtu, namespacePath, addresses }: Attachment): Promise<void> {
    using pod = NetworkNamespace.open(namespacePath);
    configure(this.#host, [
      `link add ${hostLink} mtu ${mtu} address ${HOST_MAC} type veth peer name ${interfaceName} mtu ${mtu} address ${mac} netns /proc/${process.pid}/fd/${pod.fd}`,
      `link set ${hostLink} up`,
      ...addresses.flatMap((address) => [
        `route add ${formatAddress(address)} dev ${hostLink}`,
        `neighbour add ${formatAddress(address)} lladdr ${mac} nud permanent dev ${hostLink}`,
      ]),
    ]);
    configure(pod, [
      `link set ${interfaceName} up`,
      ...addresses.flatMap((address) => {
        const gateway = GATEWAYS[address.family];
        return [
          `address add ${formatAddress(address)}/${FAMILY_BITS[address.family]} dev ${interfaceName}${address.family === 6 ? ' nodad' : ''}`,
          `neighbour add ${gateway} lladdr ${HOST_MAC} nud permanent dev ${interfaceName}`,
          `route add ${formatPrefix(defaultPrefix(address.family))} via ${gateway} dev ${interfaceName} onlink`,
        ];
      }),
    ]);
  }

  async detach(target: DetachTarget): Promise<void> {
    if (this.#hasLink(target.hostLink)) configure(this.#host, [`link delete ${target.hostLink}`]);
  }

  async check(): Promise<void> {}

  async isWired(attachment: Attachment): Promise<boolean> {
    return this.#hasLink(attachment.hostLink);
  }

  #hasLink(name: string): boolean {
    return jsonIn(this.#host, 'ip', '-j', 'link').some((row) => row.ifname === name);
  }
}
