import { setTimeout as sleep } from 'node:timers/promises';
import { type Address, parseAddress } from '../address/address.ts';
import { NetworkNamespace } from '../kernel/network-namespace.ts';
import { type Circumstance, MatrixJudge } from '../probe/judge-matrix.ts';
import { type MatrixResult, type Participant, probeMatrix } from '../probe/matrix.ts';
import type { VerifyReport } from '../verify/report.ts';
import { readAgentConditions } from './agent-conditions.ts';
import type { LabHost } from './lab-host.ts';
import type { PodWorker } from './runtime/pod-worker.ts';

/** A host of the lab that is a node, with the pods that run on it. */
export interface VerifiedNode {
  readonly host: LabHost;
  readonly pods: readonly Pick<PodWorker, 'pod' | 'network' | 'pausePid'>[];
}

export interface LiveVerificationOptions {
  readonly nodes: readonly VerifiedNode[];
  readonly onProgress: (progress: { readonly done: number; readonly total: number }) => void;
  readonly signal: AbortSignal;
}

/** Milliseconds within which agents follow what changes, and a little more. */
const SETTLING = 1_200;

/**
 * Sends real packets between all pods and nodes of a lab, both protocols and families, and judges them by the three rules.
 * Where packets are lost, what the agents of their nodes find wrong is named with them.
 */
export async function verifyLive(options: LiveVerificationOptions): Promise<VerifyReport> {
  using namespaces = new DisposableStack();
  const { onProgress, signal } = options;
  const judge = new MatrixJudge((await Promise.all(options.nodes.map((node) => circumstances(node, signal)))).flat());
  const participants = options.nodes.flatMap(({ host, pods }): Participant[] => {
    const namespace = namespaces.use(NetworkNamespace.open(host.networkNamespace));
    const { name, addresses } = host;
    const node = { kind: 'node', id: `node/${name}`, namespace, addresses, node: name } as const;
    return [node, ...pods.flatMap((pod) => participantOf(pod, judge, host.name))];
  });
  const suspects = await judgeSound(judge, probeMatrix({ participants, onProgress, signal }));
  await judgeLasting(judge, participants, suspects, signal);
  return judge.report();
}

/** Judges the results that break nothing; the others come back. */
async function judgeSound(judge: MatrixJudge, results: AsyncIterable<MatrixResult>): Promise<readonly MatrixResult[]> {
  const suspects: MatrixResult[] = [];
  for await (const result of results)
    if (judge.breaks(result)) suspects.push(result);
    else judge.add(result);
  return suspects;
}

/** Looks again at what broke a rule, as long as that heals: a node or pod that has just come is followed within a second. */
async function judgeLasting(
  judge: MatrixJudge,
  participants: readonly Participant[],
  suspects: readonly MatrixResult[],
  signal: AbortSignal,
): Promise<void> {
  let left = suspects;
  for (let before = Number.POSITIVE_INFINITY; left.length > 0 && left.length < before; ) {
    before = left.length;
    await sleep(SETTLING, undefined, { signal });
    left = await judgeSound(judge, probeMatrix({ participants, probes: left.map(({ probe }) => probe), signal }));
  }
  for (const result of left) judge.add(result);
}

/** What may explain lost packets of a node: what its agent failed to do, and foreign chains that drop. */
async function circumstances({ host }: VerifiedNode, signal: AbortSignal): Promise<readonly Circumstance[]> {
  const node = host.name;
  try {
    const conditions = await readAgentConditions(host, signal);
    return conditions
      .filter(({ name, state }) => state === 'failed' || (name === 'forwarding' && state !== 'ok'))
      .map(({ message }) => ({ node, what: message }));
  } catch {
    return [{ node, what: 'its agent does not answer' }];
  }
}

/** A hostNetwork pod is its node; one without a sandbox or an address can't be judged. */
function participantOf(worker: VerifiedNode['pods'][number], judge: MatrixJudge, host: string): readonly Participant[] {
  const { metadata, spec, status } = worker.pod;
  if (spec.hostNetwork === true || metadata.deletionTimestamp !== undefined) return [];
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return [];
  const id = `pod/${metadata.namespace}/${metadata.name}`;
  const addresses = (status?.podIPs ?? []).map(({ ip }): Address => parseAddress(ip));
  if (worker.pausePid !== undefined && addresses.length > 0)
    return [{ kind: 'pod', id, namespace: worker.network, addresses, node: host }];
  judge.addUnknown({ host, what: `${id} has no address yet`, matters: 'every pair that it is part of' });
  return [];
}
