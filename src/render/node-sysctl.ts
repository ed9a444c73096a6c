import type { SysctlSetting } from '../host/owned-state.ts';
import { deviceSysctl } from '../host/sysctl-key.ts';
import type { NodePlan } from '../plan/node-plan.ts';

/**
 * What the node's own namespace must be set to, in order: forwarding makes the kernel forget the default route that it
 * got by router advertisement, unless accept_ra is 2 before (Documentation/networking/ip-sysctl.rst).
 */
export function renderSysctls(plan: Omit<NodePlan, 'paths'>, bridged: boolean): readonly SysctlSetting[] {
  const { podPrefixes, advertisedUplinks } = plan;
  const hasIPv4 = podPrefixes.some(({ address }) => address.family === 4);
  const hasIPv6 = podPrefixes.some(({ address }) => address.family === 6);
  const settings: SysctlSetting[] = [];
  const set = (key: string, value: string) => settings.push({ key, value });
  if (hasIPv4) set('net.ipv4.ip_forward', '1');
  if (hasIPv6) {
    for (const device of advertisedUplinks) set(deviceSysctl(6, device, 'accept_ra'), '2');
    set('net.ipv6.conf.all.forwarding', '1');
  }
  // else a bridged pod's connection to a service that leads back onto its bridge is answered untranslated
  if (bridged && hasIPv4) set('net.bridge.bridge-nf-call-iptables', '1');
  if (bridged && hasIPv6) set('net.bridge.bridge-nf-call-ip6tables', '1');
  return settings;
}
