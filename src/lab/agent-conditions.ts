import { text } from 'node:stream/consumers';
import { type Condition, parseConditions } from '../agent/readiness.ts';
import { httpModule } from '../kube/node-http.ts';
import { connectFromHost } from './host-connection.ts';
import { HOST_PATHS, type LabHost } from './lab-host.ts';

/** Milliseconds that an agent may take to answer, on a machine that is busy with all of a lab. */
const PATIENCE = 10_000;

/** What a host's agent says of itself on `/readyz`. @throws FlatnetError `unavailable` where it doesn't answer */
export async function readAgentConditions(host: LabHost, signal: AbortSignal): Promise<readonly Condition[]> {
  const [address = '', port = ''] = HOST_PATHS.agentMetrics.split(':');
  const socket = await connectFromHost(host, address, Number(port));
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options = {
    path: '/readyz',
    createConnection: () => socket,
    signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE)]),
  };
  const request = httpModule.get(options, (response) => text(response).then(resolve, reject));
  request.on('error', reject);
  return parseConditions(await promise);
}
