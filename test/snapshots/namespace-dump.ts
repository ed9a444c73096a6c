import type { DumpFile } from '../../src/host/dump/dump-file.ts';
import type { IptablesDump } from './iptables-dump.ts';

/** What is particular about a link; the rest is as `ip -j -d link` prints it of any. */
export interface LinkOptions {
  readonly mac?: string;
  readonly mtu?: number;
  readonly up?: boolean;
  readonly master?: string;
  /** A veth's other end: its index where that is in another namespace, and the namespace's number; else its name. */
  readonly peer?: readonly [index: number, namespace: number] | string;
  readonly kind?: 'bridge' | 'veth' | 'vxlan';
  /** Of a tunnel: `info_data`. */
  readonly data?: object;
  readonly hairpin?: boolean;
  /** An eBPF program at the driver, by its id. */
  readonly xdp?: number;
}

const EMPTY_RULESET = '{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}}]}\n';

interface Row {
  readonly [field: string]: unknown;
}

/** Writes the files of one network namespace as the tools print them that `flatnet collect --script` runs. */
export class NamespaceDump {
  readonly #links: (Row & { readonly ifname: string })[] = [];
  readonly #addresses = new Map<string, Row[]>();
  readonly #sysctls = new Map<string, string>();
  readonly #texts = new Map<DumpFile, string>();
  #iptables: readonly IptablesDump[] = [];
  routes: Row[] = [];
  neighbours: Row[] = [];
  forwarding: Row[] = [];

  constructor() {
    this.link(1, 'lo', {});
    this.address('lo', '127.0.0.1/8', '254');
  }

  link(ifindex: number, ifname: string, options: LinkOptions): void {
    const { mac = '00:00:00:00:00:00', up = true, master, peer, kind, hairpin = false, data, xdp } = options;
    const isLoopback = ifname === 'lo';
    const port = master !== undefined && {
      info_slave_kind: 'bridge',
      info_slave_data: { state: 'forwarding', priority: 32, hairpin, learning: true, flood: true, isolated: false },
    };
    this.#links.push({
      ifindex,
      ...(typeof peer === 'string' ? { link: peer } : peer !== undefined && { link_index: peer[0] }),
      ifname,
      flags: [...(isLoopback ? ['LOOPBACK'] : ['BROADCAST', 'MULTICAST']), ...(up ? ['UP', 'LOWER_UP'] : [])],
      mtu: options.mtu ?? (isLoopback ? 65536 : 1500),
      ...(xdp !== undefined && { xdp: { mode: 1, prog: { id: xdp } } }),
      qdisc: isLoopback ? 'noqueue' : 'fq_codel',
      ...(master !== undefined && { master }),
      operstate: isLoopback ? 'UNKNOWN' : up ? 'UP' : 'DOWN',
      linkmode: 'DEFAULT',
      group: 'default',
      txqlen: 1000,
      link_type: isLoopback ? 'loopback' : 'ether',
      address: mac,
      broadcast: isLoopback ? '00:00:00:00:00:00' : 'ff:ff:ff:ff:ff:ff',
      ...(peer !== undefined && typeof peer !== 'string' && { link_netnsid: peer[1] }),
      promiscuity: 0,
      ...(kind !== undefined && {
        linkinfo: { info_kind: kind, ...(data !== undefined && { info_data: data }), ...port },
      }),
      inet6_addr_gen_mode: 'eui64',
      num_tx_queues: 1,
      num_rx_queues: 1,
    });
  }

  /** An address with the routes that the kernel makes for it. @param prefix `192.0.2.1/24` */
  address(device: string, prefix: string, scope: '0' | '254' = '0'): void {
    const [local = '', length = ''] = prefix.split('/');
    const prefixlen = Number(length);
    const rows = this.#addresses.get(device) ?? [];
    rows.push({ family: 'inet', local, prefixlen, scope, label: device, valid_life_time: 4294967295 });
    this.#addresses.set(device, rows);
    this.routes.push(kernelRoute({ type: '2', dst: local, dev: device, table: '255', scope: '254', prefsrc: local }));
    if (device === 'lo') {
      this.routes.push(kernelRoute({ type: '2', dst: prefix.replace(local, '127.0.0.0'), dev: 'lo', table: '255' }));
      return;
    }
    if (prefixlen < 32)
      this.routes.push(kernelRoute({ dst: networkOf(local, prefixlen), dev: device, scope: '253', prefsrc: local }));
  }

  /** A route as `ip route add` takes it: `10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink proto 12`. */
  route(text: string): void {
    const [first = '', ...rest] = text.split(' ');
    const types: Readonly<Record<string, string>> = { blackhole: '6', unreachable: '7', prohibit: '8' };
    const type = types[first];
    const [dst = first, ...words] = type === undefined ? [first, ...rest] : rest;
    const value = (name: string) => {
      const at = words.indexOf(name);
      return at < 0 ? undefined : words[at + 1];
    };
    const [gateway, dev, table, prefsrc] = ['via', 'dev', 'table', 'src'].map(value);
    this.routes.push({
      ...(type !== undefined && { type }),
      dst,
      ...(gateway !== undefined && { gateway }),
      ...(dev !== undefined && { dev }),
      ...(table !== undefined && { table }),
      protocol: value('proto') ?? '3',
      ...(gateway === undefined && type === undefined && { scope: '253' }),
      ...(prefsrc !== undefined && { prefsrc }),
      flags: words.includes('onlink') ? ['onlink'] : [],
    });
  }

  removeRoute(dst: string): void {
    this.routes = this.routes.filter((route) => route.dst !== dst);
  }

  neighbour(device: string, address: string, mac: string, state = 'PERMANENT'): void {
    this.neighbours.push({ dst: address, dev: device, lladdr: mac, state: [state] });
  }

  /** A vxlan device's entry: behind which host a MAC is. */
  forward(device: string, mac: string, destination: string): void {
    this.forwarding.push({ mac, ifname: device, dst: destination, flags: ['self'], state: 'permanent' });
  }

  sysctl(key: string, value: string): void {
    this.#sysctls.set(key, value);
  }

  /** Another file of the namespace, as it is. */
  text(file: DumpFile, text: string): void {
    this.#texts.set(file, text);
  }

  /** What iptables-save prints: of legacy tables and of those in nf_tables one behind the other. */
  iptables(...dumps: readonly IptablesDump[]): void {
    this.#iptables = dumps;
  }

  removeLink(name: string): void {
    this.#links.splice(0, this.#links.length, ...this.#links.filter(({ ifname }) => ifname !== name));
  }

  changeLink(name: string, change: Row): void {
    const at = this.#links.findIndex(({ ifname }) => ifname === name);
    const link = this.#links[at];
    if (link !== undefined) this.#links[at] = { ...link, ...change };
  }

  files(): ReadonlyMap<DumpFile, string> {
    const rules = [
      { priority: 0, src: 'all', table: '255', protocol: '2' },
      { priority: 32766, src: 'all', table: '254', protocol: '2' },
      { priority: 32767, src: 'all', table: '253', protocol: '2' },
    ];
    const addresses = this.#links.map(({ ifindex, ifname }) => ({
      ifindex,
      ifname,
      addr_info: this.#addresses.get(ifname) ?? [],
    }));
    return new Map<DumpFile, string>([
      ['link.json', json(this.#links)],
      ['addr.json', json(addresses)],
      ['route.json', json(this.routes)],
      ['route6.json', '[]\n'],
      ['rule.json', json(rules)],
      ['rule6.json', json(rules)],
      ['neigh.json', json(this.neighbours)],
      ['neigh-proxy.json', '[]\n'],
      ['nexthop.json', '[]\n'],
      ['fdb.json', json(this.forwarding)],
      ['sysctl.txt', [...this.#sysctls].map(([key, value]) => `${key} = ${value}\n`).join('')],
      ['tc.txt', this.#links.map(({ ifname }) => `qdisc noqueue 0: dev ${ifname} root refcnt 2\n`).join('')],
      ['bpf.txt', 'xdp:\n\ntc:\n\nflow_dissector:\n\nnetfilter:\n\n'],
      // where rules are given as text, nft is one that was built without JSON
      ...(this.#texts.has('nft.txt') ? [] : ([['nft.json', EMPTY_RULESET]] as const)),
      ['nft.txt', ''],
      ['iptables-save.txt', this.#iptables.map((dump) => dump.text()).join('')],
      ['ip6tables-save.txt', ''],
      ['ipset-save.txt', ''],
      ...this.#texts,
    ]);
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

function kernelRoute(row: Row): Row {
  return { ...row, protocol: '2', flags: [] };
}

function networkOf(address: string, length: number): string {
  const bits = address.split('.').reduce((value, byte) => value * 256 + Number(byte), 0);
  const size = 2 ** (32 - length);
  const first = Math.floor(bits / size) * size;
  return `${[24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.')}/${length}`;
}
