import type { NodeSettings } from '../plan/node-settings.ts';
import type { AgentConfiguration } from './agent-configuration.ts';

/**
 * What of an agent's configuration its node's plan depends on.
 * @param masquerade as it is at the moment: a file may say more of it than the configuration
 */
export function nodeSettingsOf(
  { wiring, mtu, allowForward, acceptedProtocols, flannelDirectRouting }: AgentConfiguration,
  masquerade: NodeSettings['masquerade'],
): NodeSettings {
  return {
    wiring,
    allowForward,
    flannelDirectRouting,
    acceptedProtocols,
    ...(mtu !== undefined && { mtu }),
    ...(masquerade !== undefined && { masquerade }),
  };
}
