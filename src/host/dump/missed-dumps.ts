import type { Link } from '../link.ts';
import type { Unknown } from '../network-state.ts';
import type { DumpFile } from './dump-file.ts';

/**
 * What isn't known for want of a dump that most hosts do without: few have bpftool or ipset, and /proc/net/ip_vs is there only with
 * its module. Such a dump is missed where another one says that it would tell more, and passed over elsewhere.
 */
export function missedDumps(read: (file: DumpFile) => string | undefined, links: readonly Link[]): readonly Unknown[] {
  const rules = [read('iptables-save.txt') ?? '', read('ip6tables-save.txt') ?? ''];
  const missed: Unknown[] = [];
  const miss = (file: DumpFile, what: string, hint: string | undefined) => {
    if (hint !== undefined) missed.push({ what, why: `${file} is missing, and ${hint}` });
  };
  if (read('bpf.txt') === undefined) miss('bpf.txt', 'eBPF programs', programHint(read, links, rules));
  if (read('ip_vs.txt') === undefined) miss('ip_vs.txt', 'IPVS services', virtualServerHint(links, rules));
  if (read('ipset-save.txt') === undefined) miss('ipset-save.txt', 'IP sets', setHint(rules));
  return missed;
}

/** Programs at the newer hooks (tcx, netkit, control groups) stand in no other dump than bpftool's. */
function programHint(
  read: (file: DumpFile) => string | undefined,
  links: readonly Link[],
  rules: readonly string[],
): string | undefined {
  const netkit = links.find(({ kind }) => kind.kind === 'other' && kind.name === 'netkit');
  if (netkit !== undefined) return `${netkit.name} is a netkit device`;
  if (/"xdp": ?\{/.test(read('link.json') ?? '')) return 'link.json shows a program at a driver (XDP)';
  if (/^filter .* bpf /m.test(read('tc.txt') ?? '')) return 'tc.txt shows programs';
  return rules.some((text) => /^:CILIUM_/m.test(text)) ? 'rules of Cilium are there' : undefined;
}

/** kube-proxy gives virtual addresses to a device of this name in its IPVS mode. */
function virtualServerHint(links: readonly Link[], rules: readonly string[]): string | undefined {
  if (links.some(({ name }) => name === 'kube-ipvs0')) return 'kube-ipvs0 is there';
  return rules.some((text) => text.includes(' -m ipvs ')) ? 'rules ask for it' : undefined;
}

function setHint(rules: readonly string[]): string | undefined {
  for (const text of rules) {
    const [, set] = / --match-set (\S+)/.exec(text) ?? [];
    if (set !== undefined) return `rules ask for the set ${set}`;
  }
  return undefined;
}
