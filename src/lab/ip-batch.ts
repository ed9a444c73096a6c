import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { formatAddress } from '../address/address.ts';
import { formatPrefix } from '../address/prefix.ts';
import type { Change } from '../host/change.ts';

/** Stand-in until src/kernel applies changes. */
export function applyByCommand(changes: readonly Change[]): void {
  const lines: string[] = [];
  for (const change of changes) {
    if (change.kind === 'set-sysctl')
      fs.writeFileSync(`/proc/sys/${change.setting.key.replaceAll('.', '/')}`, change.setting.value);
    else if (change.kind === 'add-link') {
      const { link } = change;
      if (link.kind.kind === 'bridge') lines.push(`link add ${link.name} mtu ${link.mtu} type bridge`);
      if (link.kind.kind === 'veth') {
        const pid = /\d+/.exec(link.kind.peer.namespace)?.[0];
        lines.push(
          `link add ${link.name} mtu ${link.mtu} type veth peer name ${link.kind.peer.name} address ${link.kind.peer.mac} mtu ${link.mtu} netns ${pid}`,
        );
      }
      if (link.master) lines.push(`link set ${link.name} master ${link.master}`);
      lines.push(`link set ${link.name} up`);
    } else if (change.kind === 'remove-link') spawnSync('ip', ['link', 'del', change.name]);
    else if (change.kind === 'update-link') lines.push(`link set ${change.link.name} up`);
    else if (change.kind === 'put-address')
      lines.push(
        `addr replace ${formatPrefix(change.address)} dev ${change.address.device}${change.address.address.family === 6 ? ' nodad' : ''}`,
      );
    else if (change.kind === 'put-route') {
      const hop = change.route.nextHops[0];
      if (hop?.gateway)
        lines.push(`route replace ${formatPrefix(change.route.destination)} via ${formatAddress(hop.gateway)}`);
    }
  }
  const result = spawnSync('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n`, encoding: 'utf8' });
  if (result.status !== 0) throw new Error(result.stderr);
}
