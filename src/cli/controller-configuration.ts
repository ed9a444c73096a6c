import * as v from 'valibot';
import type { ClusterConfiguration } from '../cluster/cluster-configuration.ts';
import { parseClusterConfiguration } from '../cluster/cluster-configuration-schema.ts';
import { parseBySchema } from '../error/schema.ts';
import { parseYaml } from '../error/yaml.ts';

/** What a controller is told by its configuration file. */
export interface ControllerConfiguration {
  /** Path of a kubeconfig; the pod's service account unless set. */
  readonly kubeconfig: string | undefined;
  readonly cluster: ClusterConfiguration;
  /** What programs the fabric where the backend is `cloud`: a lab's own, by its socket. */
  readonly fabric: { readonly labSocket: string } | undefined;
  /** Seconds that the prefix of a node that is gone rests. */
  readonly quarantineSeconds: number;
}

const QUARANTINE_SECONDS = 600;

const schema = v.strictObject({
  kubeconfig: v.optional(v.string()),
  cluster: v.optional(v.unknown(), {}),
  fabric: v.optional(v.strictObject({ labSocket: v.string() })),
  quarantineSeconds: v.optional(v.pipe(v.number(), v.minValue(0)), QUARANTINE_SECONDS),
});

/** Reads a controller's configuration from YAML text. @throws FlatnetError `invalid` naming the field */
export function parseControllerConfiguration(text: string): ControllerConfiguration {
  const operation = 'read controller configuration';
  const document = parseYaml(operation, text) ?? {};
  const { kubeconfig, cluster, fabric, quarantineSeconds } = parseBySchema(operation, schema, document);
  return { kubeconfig, fabric, quarantineSeconds, cluster: parseClusterConfiguration(cluster) };
}
