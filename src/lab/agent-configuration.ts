import { formatPrefix } from '../address/prefix.ts';
import { formatYaml } from '../error/yaml.ts';
import type { LabConfiguration } from './lab-configuration.ts';
import { HOST_PATHS } from './lab-host.ts';

/** The cluster's part of a configuration file, which agents and controller share. */
export function formatClusterConfiguration({ cluster }: LabConfiguration): Record<string, unknown> {
  return {
    clusterPrefixes: cluster.clusterPrefixes.map(formatPrefix),
    servicePrefixes: cluster.servicePrefixes.map(formatPrefix),
    nodePrefixLength: cluster.nodePrefixLength,
    backend: cluster.backend,
  };
}

/** The agent's configuration file on a host: YAML. */
export function formatAgentConfiguration(lab: LabConfiguration, node: string): string {
  return formatYaml({
    node,
    kubeconfig: HOST_PATHS.agentKubeconfig,
    cluster: formatClusterConfiguration(lab),
    wiring: lab.wiring,
    masquerade: { configFile: HOST_PATHS.masqueradeConfiguration },
    metrics: HOST_PATHS.agentMetrics,
    cni: { binDirectory: HOST_PATHS.cniBin, configurationDirectory: HOST_PATHS.cniConfiguration },
    stateDirectory: HOST_PATHS.agentState,
    runDirectory: HOST_PATHS.agentRun,
  });
}
