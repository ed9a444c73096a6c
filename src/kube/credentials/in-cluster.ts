import path from 'node:path';
import { FlatnetError } from '../../error/flatnet-error.ts';
import { type Clock, systemClock } from '../clock.ts';
import type { KubeConnection } from './kube-connection.ts';
import { readCredential, tokenFile } from './token-source.ts';

/** Where a kubelet mounts a pod's service account. */
export const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The connection of a pod to its own cluster: KUBERNETES_SERVICE_HOST and _PORT, and the mounted service account, whose
 * token is read anew as the kubelet rotates it.
 * @throws FlatnetError `unsupported` outside a cluster, `io` where the mount is incomplete
 */
export async function readInClusterConnection(
  environment: Readonly<Record<string, string | undefined>>,
  directory = SERVICE_ACCOUNT_DIRECTORY,
  clock: Clock = systemClock,
): Promise<KubeConnection> {
  const host = environment.KUBERNETES_SERVICE_HOST;
  const port = environment.KUBERNETES_SERVICE_PORT ?? '443';
  if (host === undefined || host === '')
    throw new FlatnetError({
      operation: 'read in-cluster credentials',
      code: 'unsupported',
      message: 'KUBERNETES_SERVICE_HOST is not set: this is not a pod of a cluster',
      remedy: 'name a kubeconfig file',
    });
  const token = tokenFile(path.join(directory, 'token'), clock);
  const [certificateAuthority, namespace] = await Promise.all([
    readCredential(path.join(directory, 'ca.crt'), 'certificate authority'),
    readCredential(path.join(directory, 'namespace'), 'namespace'),
    token.read(),
  ]);
  return {
    server: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`),
    certificateAuthority,
    token,
    namespace: namespace.toString('utf8').trim(),
  };
}
