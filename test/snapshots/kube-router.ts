import { createHash } from 'node:crypto';
import { ClusterDump, type HostDump, type PodDump } from './cluster-dump.ts';
import { IptablesDump } from './iptables-dump.ts';
import { bridgePods, newHosts, peersOf } from './wiring.ts';

/** kube-router as router and firewall, with a policy chain for each pod; services are somebody else's. */
export class KubeRouterCluster extends ClusterDump {
  readonly #tables: readonly IptablesDump[];

  constructor() {
    const hosts = newHosts(2);
    super(hosts);
    for (const host of hosts) {
      bridgePods(host, 2, { bridge: 'kube-bridge' });
      // gobgp's protocol number
      for (const other of peersOf(host, hosts))
        host.root.route(`10.244.${other.number}.0/24 via ${other.address} dev eth0 proto 17`);
    }
    this.#tables = hosts.map((host) => {
      const tables = new IptablesDump('legacy');
      addNat(tables);
      addFilter(tables, host);
      host.root.iptables(tables);
      host.root.text('ipset-save.txt', sets(hosts));
      return tables;
    });
  }

  /** The rules of a host. */
  rulesOf(number: number): IptablesDump {
    const tables = this.#tables[number];
    if (tables === undefined) throw new Error(`there is no host ${number}`);
    return tables;
  }
}

/** The chain of a pod's firewall. */
export function podChain({ namespace, name }: PodDump): string {
  const digest = createHash('sha256').update(`${namespace}/${name}`).digest('hex');
  return `KUBE-POD-FW-${digest.slice(0, 16).toUpperCase()}`;
}

function sets(hosts: readonly HostDump[]): string {
  const lines = [
    'create kube-router-pod-subnets hash:net family inet hashsize 1024 maxelem 65536 timeout 0',
    ...hosts.map(({ number }) => `add kube-router-pod-subnets 10.244.${number}.0/24 timeout 0`),
    'create kube-router-node-ips hash:ip family inet hashsize 1024 maxelem 65536 timeout 0',
    ...hosts.map(({ address }) => `add kube-router-node-ips ${address} timeout 0`),
    'create KUBE-DST-2FAIIK2E4RIPMTGF hash:ip family inet hashsize 1024 maxelem 65536 timeout 0',
    'add KUBE-DST-2FAIIK2E4RIPMTGF 10.244.0.2 timeout 0',
    'create KUBE-SRC-5CFO4XOWSRR5TZRV hash:ip family inet hashsize 1024 maxelem 65536 timeout 0',
    'add KUBE-SRC-5CFO4XOWSRR5TZRV 10.244.1.2 timeout 0',
  ];
  return `${lines.join('\n')}\n`;
}

function addNat(tables: IptablesDump): void {
  tables.add(
    'nat',
    'POSTROUTING -m set --match-set kube-router-pod-subnets src -m set ! --match-set kube-router-pod-subnets dst -m set ! --match-set kube-router-node-ips dst -j MASQUERADE --random-fully',
  );
}

const ALLOWED = '0x10000/0x10000';
const COMPLIES = '0x20000/0x20000';

function addFilter(tables: IptablesDump, host: HostDump): void {
  const ports = '-m addrtype --dst-type LOCAL -m multiport --dports 30000:32767 -j RETURN';
  tables.add(
    'filter',
    'INPUT -m comment --comment "kube-router netpol - 4IA2OSFRMVNDXBVV" -j KUBE-ROUTER-INPUT',
    'FORWARD -m comment --comment "kube-router netpol - TEMCG2JMHZYE7H7T" -j KUBE-ROUTER-FORWARD',
    'FORWARD -o kube-bridge -m comment --comment "allow inbound traffic to pods" -j ACCEPT',
    'FORWARD -i kube-bridge -m comment --comment "allow outbound traffic from pods" -j ACCEPT',
    'FORWARD -o eth0 -m comment --comment "allow outbound node port traffic on node interface with which node ip is associated" -j ACCEPT',
    'OUTPUT -m comment --comment "kube-router netpol - VEAAIY32XVBHCSCY" -j KUBE-ROUTER-OUTPUT',
    'KUBE-ROUTER-INPUT -d 10.96.0.0/12 -m comment --comment "allow traffic to primary/secondary cluster IP range - TZZOAXOCHPHEHX7M" -j RETURN',
    `KUBE-ROUTER-INPUT -p tcp -m comment --comment "allow LOCAL TCP traffic to node ports - LR7XO7NXDBGQJD2M" ${ports}`,
    `KUBE-ROUTER-INPUT -p udp -m comment --comment "allow LOCAL UDP traffic to node ports - 76UCBPIZNGJNWNUZ" ${ports}`,
  );
  tables.add(
    'filter',
    ...['icmp --icmp-type 8', 'icmp --icmp-type 3', 'icmp --icmp-type 11'].map(
      (type) =>
        `KUBE-NWPLCY-DEFAULT -p icmp -m comment --comment "allow icmp messages" -m ${type} -j MARK --set-xmark ${ALLOWED}`,
    ),
    `KUBE-NWPLCY-DEFAULT -m comment --comment "rule to mark traffic matching a network policy" -j MARK --set-xmark ${ALLOWED}`,
  );
  tables.policy('filter', 'FORWARD', 'DROP');
  for (const pod of host.pods) addPod(tables, pod);
  for (const chain of ['KUBE-ROUTER-INPUT', 'KUBE-ROUTER-FORWARD', 'KUBE-ROUTER-OUTPUT'])
    tables.add(
      'filter',
      `${chain} -m comment --comment "rule to explicitly ACCEPT traffic that comply to network policies" -m mark --mark ${COMPLIES} -j ACCEPT`,
    );
}

function addPod(tables: IptablesDump, pod: PodDump): void {
  const { namespace, name, address } = pod;
  const chain = podChain(pod);
  const title = `POD name:${name} namespace: ${namespace}`;
  const to = `-m comment --comment "rule to jump traffic destined to ${title} to chain ${chain}" -j ${chain}`;
  const from = `-m comment --comment "rule to jump traffic from ${title} to chain ${chain}" -j ${chain}`;
  tables.add(
    'filter',
    `KUBE-ROUTER-FORWARD -d ${address}/32 ${to}`,
    `KUBE-ROUTER-OUTPUT -d ${address}/32 ${to}`,
    `KUBE-ROUTER-FORWARD -d ${address}/32 -m physdev --physdev-is-bridged ${to}`,
    ...['INPUT', 'FORWARD', 'OUTPUT'].map((hook) => `KUBE-ROUTER-${hook} -s ${address}/32 ${from}`),
    `KUBE-ROUTER-FORWARD -s ${address}/32 -m physdev --physdev-is-bridged ${from}`,
    `${chain} -m comment --comment "rule for stateful firewall for pod" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
    `${chain} -m comment --comment "rule to drop invalid state for pod" -m conntrack --ctstate INVALID -j DROP`,
    `${chain} -d ${address}/32 -m comment --comment "rule to permit the traffic traffic to pods when source is the pod\\'s local node" -m addrtype --src-type LOCAL -j ACCEPT`,
    `${chain} -s ${address}/32 -m comment --comment "run through default egress network policy chain" -j KUBE-NWPLCY-DEFAULT`,
    `${chain} -d ${address}/32 -m comment --comment "run through default ingress network policy chain" -j KUBE-NWPLCY-DEFAULT`,
    `${chain} -m comment --comment "rule to log dropped traffic ${title}" -m mark ! --mark ${ALLOWED} -m limit --limit 10/min --limit-burst 10 -j NFLOG --nflog-group 100`,
    `${chain} -m comment --comment "rule to REJECT traffic destined for ${title}" -m mark ! --mark ${ALLOWED} -j REJECT --reject-with icmp-port-unreachable`,
    `${chain} -j MARK --set-xmark 0x0/0x10000`,
    `${chain} -m comment --comment "set mark to ACCEPT traffic that comply to network policies" -j MARK --set-xmark ${COMPLIES}`,
  );
}

/** A policy that lets one pod only speak to another, on one port: what kube-router makes of it on the host of the second. */
export function addPolicy(tables: IptablesDump, pod: PodDump): void {
  tables.replace(
    'filter',
    `${podChain(pod)} -d ${pod.address}/32 -m comment --comment "run through default ingress network policy chain" -j KUBE-NWPLCY-DEFAULT`,
    `${podChain(pod)} -d ${pod.address}/32 -m comment --comment "run through nw policy only-frontend" -j KUBE-NWPLCY-2DGPJ6QCFSYMZPHG`,
  );
  const from = '-m set --match-set KUBE-SRC-5CFO4XOWSRR5TZRV src -m set --match-set KUBE-DST-2FAIIK2E4RIPMTGF dst';
  tables.add(
    'filter',
    `KUBE-NWPLCY-2DGPJ6QCFSYMZPHG -p tcp -m comment --comment "rule to ACCEPT traffic from source pods to dest pods selected by policy name only-frontend namespace default" ${from} -m tcp --dport 80 -j MARK --set-xmark ${ALLOWED}`,
    `KUBE-NWPLCY-2DGPJ6QCFSYMZPHG -p tcp ${from} -m tcp --dport 80 -m mark --mark ${ALLOWED} -j RETURN`,
  );
}
