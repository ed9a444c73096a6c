import { ClusterDump, type HostDump } from './cluster-dump.ts';
import { IptablesDump } from './iptables-dump.ts';
import { bridgePods, newHosts, peersOf } from './wiring.ts';

export interface DockerOptions {
  /** `default`: 172.17.0.0/16 everywhere; `own`: a range for each host (`--bip`), and routes between them. */
  readonly ranges: 'default' | 'own';
  /** `--ip-masq`, which is on unless somebody turns it off. */
  readonly masquerade: boolean;
  /** Rules in DOCKER-USER that let in what comes from other hosts. */
  readonly admitted: boolean;
  /** From 28 on another layout, which lets nobody but the bridge reach containers by their addresses. */
  readonly release: 27 | 28;
  /** A port of host 0 that its container's port 80 is published as. */
  readonly published?: number;
}

/** Three hosts with Docker's own bridge each, and routes between them that somebody made by hand. */
export class DockerCluster extends ClusterDump {
  readonly #tables: readonly IptablesDump[];

  constructor(options: DockerOptions) {
    const hosts = newHosts(3);
    super(hosts);
    const { ranges } = options;
    this.#tables = hosts.map((host) => {
      const own = { bridge: 'docker0', hairpin: false };
      bridgePods(host, 1, ranges === 'own' ? own : { ...own, prefix: '172.17.0', length: 16 });
      for (const other of ranges === 'own' ? peersOf(host, hosts) : [])
        host.root.route(`10.244.${other.number}.0/24 via ${other.address} dev eth0`);
      const tables = new IptablesDump('nft');
      addRules(tables, host, options);
      host.root.iptables(tables);
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

function addRules(tables: IptablesDump, host: HostDump, options: DockerOptions): void {
  const { ranges, masquerade, admitted, release } = options;
  const published = host.number === 0 ? options.published : undefined;
  const range = ranges === 'own' ? `10.244.${host.number}.0/24` : '172.17.0.0/16';
  const container = host.pods[0]?.address ?? '';
  tables.policy('filter', 'FORWARD', 'DROP');
  tables.add('nat', 'PREROUTING -m addrtype --dst-type LOCAL -j DOCKER');
  tables.add('nat', 'OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER');
  if (masquerade) tables.add('nat', `POSTROUTING -s ${range} ! -o docker0 -j MASQUERADE`);
  tables.add('nat', 'DOCKER -i docker0 -j RETURN');
  if (published !== undefined)
    tables.add(
      'nat',
      `POSTROUTING -s ${container}/32 -d ${container}/32 -p tcp -m tcp --dport 80 -j MASQUERADE`,
      `DOCKER ! -i docker0 -p tcp -m tcp --dport ${published} -j DNAT --to-destination ${container}:80`,
    );
  addForwarding(tables, release);
  tables.chains('filter', 'DOCKER');
  if (published !== undefined)
    tables.add('filter', `DOCKER -d ${container}/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT`);
  if (release === 28) {
    tables.add('filter', 'DOCKER ! -i docker0 -o docker0 -j DROP');
    tables.add('raw', `PREROUTING -d ${container}/32 ! -i docker0 -j DROP`);
  }
  if (admitted) tables.add('filter', 'DOCKER-USER -s 10.244.0.0/16 -j ACCEPT', 'DOCKER-USER -s 192.0.2.0/24 -j ACCEPT');
  if (release === 27) tables.add('filter', 'DOCKER-USER -j RETURN');
  else tables.chains('filter', 'DOCKER-USER');
}

function addForwarding(tables: IptablesDump, release: DockerOptions['release']): void {
  const established = '-o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT';
  if (release === 27)
    tables.add(
      'filter',
      'FORWARD -j DOCKER-USER',
      'FORWARD -j DOCKER-ISOLATION-STAGE-1',
      `FORWARD ${established}`,
      'FORWARD -o docker0 -j DOCKER',
      'FORWARD -i docker0 ! -o docker0 -j ACCEPT',
      'FORWARD -i docker0 -o docker0 -j ACCEPT',
      'DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2',
      'DOCKER-ISOLATION-STAGE-1 -j RETURN',
      'DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP',
      'DOCKER-ISOLATION-STAGE-2 -j RETURN',
    );
  else
    tables
      .add(
        'filter',
        'FORWARD -j DOCKER-USER',
        'FORWARD -j DOCKER-FORWARD',
        'DOCKER-FORWARD -j DOCKER-CT',
        'DOCKER-FORWARD -j DOCKER-INTERNAL',
        'DOCKER-FORWARD -j DOCKER-BRIDGE',
        'DOCKER-FORWARD -i docker0 -j ACCEPT',
        `DOCKER-CT ${established}`,
        'DOCKER-BRIDGE -o docker0 -j DOCKER',
      )
      .chains('filter', 'DOCKER-INTERNAL');
}
