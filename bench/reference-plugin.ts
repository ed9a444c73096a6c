import path from 'node:path';
import type { CniPlugin } from './cni-caller.ts';
import type { BenchHost } from './host-pair.ts';

/** Where Debian installs the reference plugins. */
export const REFERENCE_PLUGINS = '/usr/lib/cni';

/** The reference chain of bridge and host-local, with masquerade, for the pods of a host. */
export function bridgePlugin(host: BenchHost, rest: Readonly<Record<string, unknown>> = {}): CniPlugin {
  const configuration = {
    cniVersion: '1.0.0',
    name: 'reference',
    type: 'bridge',
    bridge: 'cni0',
    isGateway: true,
    ipMasq: true,
    hairpinMode: true,
    ipam: {
      type: 'host-local',
      dataDir: path.join(host.directory, 'networks'),
      ranges: [[{ subnet: host.podPrefix }]],
      routes: [{ dst: '0.0.0.0/0' }],
    },
    ...rest,
  };
  return { type: 'bridge', directory: REFERENCE_PLUGINS, configuration };
}
