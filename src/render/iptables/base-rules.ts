import { type Address, parseAddress } from '../../address/address.ts';
import type { Family } from '../../address/family.ts';
import { hostPrefix, type Prefix, parsePrefix, prefixContains } from '../../address/prefix.ts';
import type { SysctlSetting } from '../../host/owned-state.ts';
import type { IptablesChain, IptablesOption, IptablesRule, IptablesTarget } from '../../netfilter/iptables/node.ts';
import type { ServiceSurroundings } from '../../plan/service/service-plan.ts';
import {
  comment,
  connectionState,
  exactly,
  isLocal,
  jump,
  match,
  option,
  outside,
  within,
  without,
} from './iptables-rule.ts';

/** The chains that kube-proxy has on every node, and those of host ports as kubelet named them. */
export const KUBE = {
  services: 'KUBE-SERVICES',
  externalServices: 'KUBE-EXTERNAL-SERVICES',
  nodePorts: 'KUBE-NODEPORTS',
  forward: 'KUBE-FORWARD',
  proxyFirewall: 'KUBE-PROXY-FIREWALL',
  localhostGuard: 'KUBE-FIREWALL',
  markMasquerade: 'KUBE-MARK-MASQ',
  postrouting: 'KUBE-POSTROUTING',
  hostPorts: 'KUBE-HOSTPORTS',
} as const;

/** kube-proxy's `--iptables-masquerade-bit` 14. */
const MASQUERADE_MARK = '0x4000';
const MASQUERADE_MATCH = `${MASQUERADE_MARK}/${MASQUERADE_MARK}`;

/** 127.0.0.0/8 and ::1/128. */
export const LOOPBACK: Readonly<Record<Family, Prefix>> = {
  4: parsePrefix('127.0.0.0/8'),
  6: hostPrefix(parseAddress('::1')),
};

/** Marks what is to leave under this node's address. */
export const MARK_MASQUERADE: IptablesTarget = jump(KUBE.markMasquerade);
export const DROP: IptablesTarget = jump('DROP');

/** What tells the client at once: in ICMP, which a TCP client takes for a refusal. */
export function reject(family: Family): IptablesTarget {
  const answer = family === 4 ? 'icmp-port-unreachable' : 'icmp6-port-unreachable';
  return jump('REJECT', option('reject-with', answer));
}

/** A jump to one of the chains above, in the words that kube-proxy comments it with. */
function portal(chain: string, text: string, ...states: readonly string[]): IptablesRule {
  const matches = states.length === 0 ? [] : [connectionState(...states)];
  return { matches: [...matches, comment(text)], target: jump(chain) };
}

const FIREWALL = portal(KUBE.proxyFirewall, 'kubernetes load balancer firewall', 'NEW');
const EXTERNAL = portal(KUBE.externalServices, 'kubernetes externally-visible service portals', 'NEW');
const NEW_SERVICES = portal(KUBE.services, 'kubernetes service portals', 'NEW');
const SERVICES = portal(KUBE.services, 'kubernetes service portals');
const FORWARDING = portal(KUBE.forward, 'kubernetes forwarding rules');
const HEALTH_CHECKS = portal(KUBE.nodePorts, 'kubernetes health check service ports');
const POSTROUTING = portal(KUBE.postrouting, 'kubernetes postrouting rules');
const LOCALHOST_GUARD: IptablesRule = { matches: [], target: jump(KUBE.localhostGuard) };
const HOST_PORTS: IptablesRule = {
  matches: [comment('kube hostport portals'), isLocal('dst')],
  target: jump(KUBE.hostPorts),
};

function builtIn(name: string, rules: readonly IptablesRule[]): IptablesChain {
  return { name, policy: 'ACCEPT', rules };
}

/** The kernel's own chains of table filter, with the jumps to ours. */
export function filterHooks(servesLoopback: boolean): readonly IptablesChain[] {
  const guard = servesLoopback ? [LOCALHOST_GUARD] : [];
  return [
    builtIn('INPUT', [FIREWALL, HEALTH_CHECKS, EXTERNAL, ...guard]),
    builtIn('FORWARD', [FIREWALL, FORWARDING, NEW_SERVICES, EXTERNAL]),
    builtIn('OUTPUT', [FIREWALL, NEW_SERVICES, ...guard]),
  ];
}

/** The same of table nat. */
export function natHooks(hasHostPorts: boolean): readonly IptablesChain[] {
  const entry = hasHostPorts ? [SERVICES, HOST_PORTS] : [SERVICES];
  return [
    builtIn('PREROUTING', entry),
    builtIn('INPUT', []),
    builtIn('OUTPUT', entry),
    builtIn('POSTROUTING', [POSTROUTING]),
  ];
}

/** What of services' packets is let through wherever FORWARD drops; what tracking makes nothing of is dropped. */
export const FORWARD_CHAIN: IptablesChain = {
  name: KUBE.forward,
  rules: [
    { matches: [connectionState('INVALID')], target: DROP },
    { matches: [comment('kubernetes forwarding rules'), markMatch(option)], target: jump('ACCEPT') },
    {
      matches: [comment('kubernetes forwarding conntrack rule'), connectionState('RELATED', 'ESTABLISHED')],
      target: jump('ACCEPT'),
    },
  ],
};

/** With node ports at 127.0.0.1 the kernel routes loopback addresses: nobody else may send to them. */
export const LOCALHOST_GUARD_CHAIN: IptablesChain = {
  name: KUBE.localhostGuard,
  rules: [
    {
      source: outside(LOOPBACK[4]),
      destination: within(LOOPBACK[4]),
      matches: [
        comment('block incoming localnet connections'),
        match('conntrack', without('ctstate', 'RELATED,ESTABLISHED,DNAT')),
      ],
      target: DROP,
    },
  ],
};

export const MARK_MASQUERADE_CHAIN: IptablesChain = {
  name: KUBE.markMasquerade,
  rules: [{ matches: [], target: jump('MARK', option('or-mark', MASQUERADE_MARK)) }],
};

/** The mark goes, lest a packet that is sent on in a tunnel be masqueraded once more. */
export const POSTROUTING_CHAIN: IptablesChain = {
  name: KUBE.postrouting,
  rules: [
    { matches: [markMatch(without)], target: jump('RETURN') },
    { matches: [], target: jump('MARK', option('xor-mark', MASQUERADE_MARK)) },
    {
      matches: [comment('kubernetes service traffic requiring SNAT')],
      target: jump('MASQUERADE', option('random-fully')),
    },
  ],
};

function markMatch(asked: (name: string, value: string) => IptablesOption) {
  return match('mark', asked('mark', MASQUERADE_MATCH));
}

/** Settings that the rules rely on: node ports at 127.0.0.1 reach endpoints where loopback addresses are routed. */
export function serviceSysctls({ nodePortAddresses }: ServiceSurroundings): readonly SysctlSetting[] {
  return servesLoopback(nodePortAddresses) ? [{ key: 'net.ipv4.conf.all.route_localnet', value: '1' }] : [];
}

/** Whether 127.0.0.1 is among the addresses whose node ports are served. */
export function servesLoopback(addresses: readonly Address[]): boolean {
  return addresses.some((address) => prefixContains(LOOPBACK[4], address));
}

/**
 * The last rules of KUBE-SERVICES. Unless somebody has chosen addresses, all of the host's serve node ports, as with
 * kube-proxy; IPv6 has no way to masquerade what comes from ::1.
 */
export function nodePortEntries(surroundings: ServiceSurroundings, family: Family): readonly IptablesRule[] {
  const { addresses, nodePortAddresses } = surroundings;
  const served = nodePortAddresses.filter((address) => address.family === family);
  const matches = [comment('kubernetes service nodeports; NOTE: this must be the last rule in this chain')];
  const target = jump(KUBE.nodePorts);
  const others = served.filter((address) => !prefixContains(LOOPBACK[family], address));
  const own = addresses.filter((address) => address.family === family);
  const chosen = others.length !== own.length || !others.every(({ value }) => own.some((one) => one.value === value));
  if (chosen) return served.map((address) => ({ destination: exactly(address), matches, target }));
  const loopback = family === 4 && served.length > others.length ? {} : { destination: outside(LOOPBACK[family]) };
  return [{ ...loopback, matches: [...matches, isLocal('dst')], target }];
}
