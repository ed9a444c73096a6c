import { configure, runIn, setSysctls } from '../namespace.ts';
import { loadRules } from './planned-network.ts';
import type { SmallNetwork } from './small-network.ts';

/** One thing that is wrong with a small network, and what `verify` should say of it. */
export interface Culprit {
  readonly name: string;
  readonly path?: 'vxlan';
  /** Programs without which it can't be planted. */
  readonly needs?: readonly string[];
  readonly plant: (network: SmallNetwork) => void;
  /** What really happens to a packet from pod to pod. */
  readonly really?: 'lost' | 'translated' | 'well' | 'well for short packets';
  readonly cause: RegExp;
  readonly responsible: RegExp;
  readonly remedy: RegExp;
}

/** A table of family ip with one base chain. */
export const base = (name: string, hook: string, rest: string, type = 'filter', priority = '0') =>
  `table ip ${name} { chain ${hook} { type ${type} hook ${hook} priority ${priority}; ${rest} }; }`;

export const CULPRITS: readonly Culprit[] = [
  {
    name: 'ranges of hosts that overlap',
    plant({ a, b }) {
      for (const { namespace } of [a, b]) configure(namespace, ['link set cni0 down', 'address flush dev cni0']);
      configure(a.namespace, ['address add 10.244.0.1/16 dev cni0', 'link set cni0 up', 'route flush 10.244.1.0/24']);
      configure(b.namespace, ['address add 10.244.1.1/16 dev cni0', 'link set cni0 up', 'route flush 10.244.0.0/24']);
    },
    cause: /^several hosts have the same range, 10\.244\.0\.0\/16$/,
    responsible: /^10\.244\.0\.0\/16 on cni0 of node\/a, 10\.244\.0\.0\/16 on cni0 of node\/b$/,
    remedy: /range of its own/,
  },
  {
    name: 'a policy of FORWARD that drops',
    plant: ({ b }) => loadRules(b.namespace, base('filter', 'forward', 'policy drop;')),
    cause: /^the policy of forward is to drop forwarded packets$/,
    responsible: /^node\/b: table ip filter, chain forward: policy drop$/,
    remedy: /-s 10\.244\.0\.0\/24 -d 10\.244\.1\.0\/24/,
  },
  {
    name: 'a rule that rejects',
    plant: ({ a }) => loadRules(a.namespace, base('own', 'forward', 'ip daddr 10.244.1.0/24 reject;')),
    cause: /^a rule rejects forwarded packets$/,
    responsible: /^node\/a: table ip own, chain forward: ip daddr 10\.244\.1\.0\/24 reject/,
    remedy: /^nft insert rule ip own forward /,
  },
  {
    name: 'masquerade of pods',
    really: 'translated',
    plant: ({ a }) =>
      loadRules(
        a.namespace,
        base('nat', 'postrouting', 'ip saddr 10.244.0.0/24 oifname != "docker0" masquerade;', 'nat', '100'),
      ),
    cause: /^Docker masquerades packets of pods to pods$/,
    responsible:
      /^node\/a: table ip nat, chain postrouting: ip saddr 10\.244\.0\.0\/24 oifname != "docker0" masquerade$/,
    remedy: /"ip-masq": false/,
  },
  {
    name: "flannel's last rule, for what a node says",
    path: 'vxlan',
    really: 'well',
    plant: ({ a }) =>
      loadRules(
        a.namespace,
        base('nat', 'postrouting', 'ip saddr != 10.244.0.0/16 ip daddr 10.244.0.0/16 masquerade;', 'nat', '100'),
      ),
    cause: /^flannel's last rule of POSTROUTING masquerades packets of nodes to pods$/,
    responsible:
      /^node\/a: table ip nat, chain postrouting: ip saddr != 10\.244\.0\.0\/16 ip daddr 10\.244\.0\.0\/16 masquerade$/,
    remedy: /without --ip-masq/,
  },
  {
    name: 'forwarding that is off',
    plant: ({ b }) => setSysctls(b.namespace, { 'net.ipv4.ip_forward': '0' }),
    cause: /^a host does not forward packets$/,
    responsible: /^node\/b: net\.ipv4\.conf\.(?:eth0|cni0)\.forwarding is 0$/,
    remedy: /^sysctl -w net\.ipv4\.ip_forward=1 on node\/b/,
  },
  {
    name: 'strict rp_filter',
    plant({ b }) {
      setSysctls(b.namespace, { 'net.ipv4.conf.eth0.rp_filter': '1' });
      configure(b.namespace, ['route replace 10.244.0.0/24 dev cni0']);
    },
    cause: /^strict rp_filter/,
    responsible: /^node\/b: net\.ipv4\.conf\.eth0\.rp_filter is 1, .* the way back to their source is cni0$/,
    remedy: /rp_filter=2/,
  },
  {
    name: 'a missing route',
    plant: ({ a }) => configure(a.namespace, ['route delete 10.244.1.0/24']),
    cause: /^a route to another host's pods is missing$/,
    responsible: /^node\/a: no route to 10\.244\.1\.0\/24$/,
    remedy: /^ip route add 10\.244\.1\.0\/24 via 192\.0\.2\.2 on node\/a$/,
  },
  {
    name: 'a route onto a link where nobody has the address',
    plant: ({ a }) => configure(a.namespace, ['route replace 10.244.1.0/24 dev cni0']),
    cause: /^nobody on a link answers for the receiver$/,
    responsible: /^node\/a: 10\.244\.1\.2 on cni0, by node\/a: route 10\.244\.1\.0\/24 dev cni0$/,
    remedy: /./,
  },
  {
    name: 'a neighbour entry of a tunnel that is missing',
    path: 'vxlan',
    plant: ({ a }) => configure(a.namespace, ['neigh delete 10.244.1.0 dev flannel.1']),
    cause: /^a neighbour entry of a tunnel is missing$/,
    responsible: /^node\/a: flannel\.1 has no neighbour entry for 10\.244\.1\.0$/,
    remedy: /^ip neighbour replace 10\.244\.1\.0 lladdr 02:00:00:00:ff:01 dev flannel\.1 nud permanent on node\/a$/,
  },
  {
    name: 'a forwarding entry of a tunnel that is missing',
    path: 'vxlan',
    plant: ({ a }) => runIn(a.namespace, 'bridge', 'fdb', 'del', '02:00:00:00:ff:01', 'dev', 'flannel.1'),
    cause: /^a forwarding entry of a tunnel is missing$/,
    responsible: /^node\/a: flannel\.1 has no forwarding entry for 02:00:00:00:ff:01$/,
    remedy: /^bridge fdb replace 02:00:00:00:ff:01 dev flannel\.1 dst 192\.0\.2\.2 on node\/a$/,
  },
  {
    name: 'a tunnel device that was made anew',
    path: 'vxlan',
    plant: ({ b }) => configure(b.namespace, ['link set flannel.1 address 02:00:00:00:ff:77']),
    cause: /^a neighbour entry of a tunnel is stale/,
    responsible:
      /^node\/a: neighbour 10\.244\.1\.0 lladdr 02:00:00:00:ff:01 dev flannel\.1; node\/b is 02:00:00:00:ff:77$/,
    remedy: /bridge fdb replace 02:00:00:00:ff:77 dev flannel\.1 dst 192\.0\.2\.2/,
  },
  {
    name: 'a bridge that another plugin left over',
    plant: ({ b }) =>
      configure(b.namespace, ['link add cbr0 type bridge', 'link set cbr0 up', 'route add 10.244.1.0/25 dev cbr0']),
    cause: /^two networks of pods on one host/,
    responsible: /^node\/b: pod\/default\/b hangs on cni0, and its address is led to cbr0; there are cni0 .* and cbr0/,
    remedy: /ip link delete cbr0/,
  },
  {
    name: "another host's address inside a range",
    plant({ a, b }) {
      configure(b.namespace, ['address add 10.244.0.77/32 dev eth0']);
      configure(a.namespace, ['address add 10.244.1.77/32 dev eth0']);
    },
    really: 'well',
    cause: /^a range of containers, 10\.244\.[01]\.0\/24, holds the address of a host$/,
    responsible: /^10\.244\.[01]\.77 of node\/[ab]; 10\.244\.[01]\.0\/24 on cni0 of node\/[ab]$/,
    remedy: /a range that no host is in/,
  },
  {
    name: 'legacy and nft iptables that disagree',
    needs: ['iptables-legacy', 'iptables-nft'],
    plant({ b }) {
      runIn(b.namespace, 'iptables-nft', '-A', 'FORWARD', '-s', '10.244.0.0/16', '-j', 'ACCEPT');
      runIn(b.namespace, 'iptables-legacy', '--wait', '-A', 'FORWARD', '-s', '192.0.2.0/24', '-j', 'ACCEPT');
      runIn(b.namespace, 'iptables-legacy', '--wait', '-P', 'FORWARD', 'DROP');
    },
    cause: /^rules in legacy and nft iptables disagree: the legacy ones drop what the nft ones let pass$/,
    responsible: /^node\/b: table ip iptables-legacy\/filter, chain FORWARD: policy drop$/,
    remedy: /update-alternatives/,
  },
  {
    name: "a tunnel's MTU that forgets its headers",
    path: 'vxlan',
    really: 'well',
    plant: shrinkUplinks,
    cause: /^the MTU is too large for the overlay: packets of full length are cut in two, or lost$/,
    responsible: /^node\/a: flannel\.1 has 1450, eth0 under it 1400; node\/b/,
    remedy: /mtu 1350/,
  },
  {
    name: "a tunnel's MTU that forgets its headers, where its packets must not be fragmented",
    path: 'vxlan',
    really: 'well for short packets',
    plant(network) {
      for (const { namespace } of [network.a, network.b])
        configure(namespace, ['link set flannel.1 type vxlan id 1 df set']);
      shrinkUplinks(network);
    },
    cause:
      /^the MTU is too large for the overlay: what it sends is too long for its uplink, and must not be fragmented$/,
    responsible: /^node\/a: flannel\.1 has 1450, eth0 under it 1400$/,
    remedy: /^set the MTU of flannel\.1 on node\/a, and of its pods, to 1350$/,
  },
  {
    name: "a tunnel's fragments that a rule drops",
    path: 'vxlan',
    really: 'well for short packets',
    plant(network) {
      shrinkUplinks(network);
      loadRules(network.b.namespace, base('own', 'prerouting', 'ip frag-off & 0x1fff != 0 drop;'));
    },
    cause: /^the MTU is too large for the overlay: it sends fragments, and a rule drops these$/,
    responsible: /^node\/b: table ip own, chain prerouting: ip frag-off & 0x1fff != 0 drop$/,
    remedy: /^set the MTU of flannel\.1 on node\/a, and of its pods, to 1350$/,
  },
  {
    name: "errors about a tunnel's MTU that a rule drops",
    path: 'vxlan',
    really: 'well for short packets',
    plant: ({ a }) => loadRules(a.namespace, base('own', 'output', 'icmp type destination-unreachable drop;')),
    cause: /^the MTU is too large for the overlay, and senders are not told$/,
    responsible:
      /^node\/a: flannel\.1 takes 1450 bytes, and not 1500; its ICMP error: dropped, node\/a: table ip own, chain output: icmp type destination-unreachable drop$/,
    remedy: /^set the MTU of eth0 in pod\/default\/a, and of all like it, to 1450, or let ICMP errors pass$/,
  },
  {
    name: "a host's end of a pair with a smaller MTU than the pod's",
    really: 'well for short packets',
    plant: ({ a }) => configure(a.namespace, ['link set veth0 mtu 1400']),
    cause: /^a device has a smaller MTU than those that send to it: longer frames vanish$/,
    responsible: /^node\/a: veth0 has 1400, and frames of 1500 bytes come to it$/,
    remedy: /to 1500, or that of eth0 in pod\/default\/a, and of all like it, to 1400$/,
  },
  {
    name: 'an uplink with a smaller MTU than its neighbours have',
    path: 'vxlan',
    really: 'well for short packets',
    plant: ({ a }) => configure(a.namespace, ['link set eth0 mtu 1400']),
    cause: /^the MTU is too large for the overlay: a device of the underlay takes no frames that long$/,
    responsible: /^node\/a: eth0 has 1400, and frames of 1500 bytes come to it$/,
    remedy: /or that of flannel\.1 on node\/b, and of its pods, to 1350$/,
  },
  {
    name: "a device's chain that drops ARP",
    plant(network) {
      const chain = 'type filter hook ingress device "eth0" priority 0; arp operation request drop;';
      loadRules(network.b.namespace, `table netdev guard { chain c { ${chain} }; }`);
      forget(network);
    },
    cause: /^a rule drops ARP: neighbours don't find one another$/,
    responsible: /^node\/b: table netdev guard, chain c: arp operation request drop$/,
    remedy: /^nft insert rule netdev guard c meta protocol \{ arp, ip6 \} accept$/,
  },
  {
    name: 'a rule of arptables that drops answers',
    plant(network) {
      const chain = `type filter hook output priority 0; arp operation reply arp saddr ip ${network.b.podAddress} drop;`;
      loadRules(network.b.pod, `table arp filter { chain OUTPUT { ${chain} }; }`);
      forget(network);
    },
    cause: /^a rule drops ARP: neighbours don't find one another$/,
    responsible:
      /^pod\/default\/b: table arp filter, chain OUTPUT: arp operation reply arp saddr ip 10\.244\.1\.2 drop$/,
    remedy: /^nft insert rule arp filter OUTPUT accept$/,
  },
  {
    name: 'a rule of a bridge that drops ARP',
    plant(network) {
      const chain = 'type filter hook output priority 0; ether type arp oifname "veth0" drop;';
      loadRules(network.b.namespace, `table bridge own { chain c { ${chain} }; }`);
      forget(network);
    },
    cause: /^a rule drops ARP: neighbours don't find one another$/,
    responsible: /^node\/b: table bridge own, chain c: ether type arp oifname "veth0" drop$/,
    remedy: /^nft insert rule bridge own c /,
  },
  {
    name: "rules that look at ARP and let the cluster's pass",
    really: 'well',
    plant(network) {
      const guard = 'type filter hook ingress device "veth0" priority 0; policy drop;';
      const own = `arp saddr ip ${network.a.podAddress} accept; ip saddr ${network.a.podAddress} accept;`;
      loadRules(network.a.namespace, `table netdev guard { chain c { ${guard} ${own} }; }`);
      loadRules(
        network.a.namespace,
        'table arp f { chain c { type filter hook input priority 0; arp daddr ip 10.9.9.9 drop; }; }',
      );
      configure(network.b.namespace, ['address add 10.244.0.77/32 dev eth0']);
      forget(network);
    },
    cause: /^a range of containers, 10\.244\.0\.0\/24, holds the address of a host$/,
    responsible: /./,
    remedy: /./,
  },
  {
    name: "a pod's pair that is down",
    plant: ({ b }) => configure(b.namespace, ['link set veth0 down']),
    cause: /^nobody on a link answers for the receiver$/,
    responsible: /^node\/b: 10\.244\.1\.2 on cni0/,
    remedy: /10\.244\.1\.2/,
  },
];

/** Whom the hosts and pods have found on their links, they must find again. */
export function forget({ a, b }: SmallNetwork): void {
  for (const { namespace, pod } of [a, b])
    for (const each of [namespace, pod]) configure(each, ['neighbour flush all']);
}

/** The kernel refuses a tunnel an MTU that leaves its headers no room, and lets the devices under it shrink. */
function shrinkUplinks({ a, b }: SmallNetwork): void {
  for (const { namespace } of [a, b]) configure(namespace, ['link set eth0 mtu 1400']);
}
