import type { Unknown } from '../network-state.ts';

const PROGRAM = 'what a program does to packets is not modelled';

/**
 * The eBPF programs on packets' ways that `bpftool net` and `bpftool cgroup tree` list:
 * `eth0(2) tcx/ingress cil_from_netdev prog_id 7`, `7 cgroup_inet4_connect multi cil_sock4_connect`. Those of a single service of the
 * host, which systemd attaches to sort out what the service itself sends, are on no packet's way between nodes and pods.
 */
export function parsePrograms(text: string): readonly Unknown[] {
  const found = new Set<string>();
  let group = '';
  for (const line of text.split('\n')) {
    const [, device, hook, program] = /^(\S+?)\(\d+\) (\S+) (\S+)?.*id \d+/.exec(line) ?? [];
    // as tc calls them
    if (device !== undefined)
      found.add(`eBPF program ${program ?? ''} (${hook?.replace('clsact/', 'tc ')}) on ${device}`);
    if (line.startsWith('/')) group = line.trim();
    const [, attached, name] =
      /^\s*\d+\s+(cgroup_(?:inet[46]_connect|udp[46]_sendmsg|inet_(?:in|e)gress))\s+(?:multi\s+)?(\S+)/.exec(line) ??
      [];
    if (attached !== undefined && !SERVICE_GROUP.test(group)) found.add(`eBPF program ${name ?? ''} (${attached})`);
  }
  return [...found].map((what) => ({ what, why: PROGRAM }));
}

const SERVICE_GROUP = /\/system\.slice\/(?:.*\/)?[^/]+\.service(?:\/|$)/;

/** The services of the kernel's own load balancer, as `ipvsadm -Sn` or /proc/net/ip_vs lists them. */
export function parseVirtualServers(text: string): readonly Unknown[] {
  const found: Unknown[] = [];
  for (const line of text.split('\n')) {
    const [, saved, front] = /^-A -([tuf]) (\S+)/.exec(line) ?? [];
    const [, protocol, hex] = /^(TCP|UDP|SCTP|FWM)\s+(\S+)/.exec(line) ?? [];
    const name =
      front !== undefined
        ? `${saved === 't' ? 'tcp' : saved === 'u' ? 'udp' : 'mark'} ${front}`
        : protocol !== undefined && hex !== undefined
          ? `${protocol.toLowerCase()} ${readableFront(hex)}`
          : undefined;
    if (name !== undefined) found.push({ what: `IPVS service ${name}`, why: 'IPVS is not modelled' });
  }
  return found;
}

/** `0A600001:0050` → `10.96.0.1:80`; IPv6 and firewall marks stand there readably. */
function readableFront(text: string): string {
  const [, address, port] = /^([0-9A-F]{8}):([0-9A-F]{4})$/.exec(text) ?? [];
  if (address === undefined || port === undefined) return text;
  const bytes = address.match(/../g) ?? [];
  return `${bytes.map((byte) => Number.parseInt(byte, 16)).join('.')}:${Number.parseInt(port, 16)}`;
}
