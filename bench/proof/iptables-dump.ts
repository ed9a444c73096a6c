import { type Address, formatAddress } from '../../src/address/address.ts';

/** A service as kube-proxy writes it down. */
export interface DumpedService {
  readonly name: string;
  readonly address: Address;
  readonly port: number;
  readonly endpoints: readonly { readonly address: Address; readonly port: number }[];
}

/** What iptables-save prints of kube-proxy's nat table: a chain for each service and each endpoint. */
export function iptablesDump(services: readonly DumpedService[]): string {
  const chains = [':PREROUTING ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]', ':POSTROUTING ACCEPT [0:0]'];
  chains.push(':KUBE-SERVICES - [0:0]', ':KUBE-MARK-MASQ - [0:0]', ':KUBE-POSTROUTING - [0:0]');
  const rules = [
    '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    '-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000',
    '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
    '-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0',
    '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
  ];
  const ends: string[] = [];
  for (const [number, { name, address, port, endpoints }] of services.entries()) {
    const chain = `KUBE-SVC-${text(number)}`;
    const to = `-d ${formatAddress(address)}/32 -p tcp -m comment --comment "${name} cluster IP" -m tcp --dport ${port}`;
    chains.push(`:${chain} - [0:0]`);
    rules.push(`-A KUBE-SERVICES ${to} -j ${chain}`);
    ends.push(`-A ${chain} ! -s 10.0.0.0/8 ${to} -j KUBE-MARK-MASQ`);
    for (const [index, endpoint] of endpoints.entries()) {
      const its = `KUBE-SEP-${text(number * 100 + index)}`;
      const at = formatAddress(endpoint.address);
      const left = endpoints.length - index;
      const chance = left === 1 ? '' : ` -m statistic --mode random --probability ${(1 / left).toFixed(11)}`;
      const comment = `-m comment --comment "${name} -> ${at}:${endpoint.port}"`;
      chains.push(`:${its} - [0:0]`);
      ends.push(
        `-A ${chain} ${comment}${chance} -j ${its}`,
        `-A ${its} -s ${at}/32 -m comment --comment ${name} -j KUBE-MARK-MASQ`,
        `-A ${its} -p tcp -m comment --comment ${name} -m tcp -j DNAT --to-destination ${at}:${endpoint.port}`,
      );
    }
  }
  return ['*nat', ...chains, ...rules, ...ends, 'COMMIT', ''].join('\n');
}

/** As many characters as the hashes in the names of kube-proxy's chains have. */
function text(number: number): string {
  return number.toString(36).toUpperCase().padStart(16, 'X');
}
