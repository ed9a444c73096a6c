import { setTimeout as sleep } from 'node:timers/promises';
import { type Circumstance, MatrixJudge } from '../probe/judge-matrix.ts';
import { type MatrixResult, type Participant, probeMatrix } from '../probe/matrix.ts';
import type { DeclaredPath } from '../verify/declared-path.ts';
import { reportOf, type UnknownFact, type VerifyReport } from '../verify/report.ts';
import { probePath } from './path-probe.ts';

export interface LiveVerificationOptions {
  readonly participants: readonly Participant[];
  /** Of what can't be judged. */
  readonly unknown: readonly UnknownFact[];
  /** What may explain lost packets. */
  readonly circumstances: readonly Circumstance[];
  /** Ways that are declared beside the rules. */
  readonly paths: readonly DeclaredPath[];
  readonly onProgress: (progress: { readonly done: number; readonly total: number }) => void;
  readonly signal: AbortSignal;
}

/** Milliseconds within which agents follow what changes, and a little more. */
const SETTLING = 1_200;
/** Milliseconds for an answer when one looks again: a machine may be too busy to give it in the usual time. */
const PATIENCE = 5_000;

/**
 * Sends real packets between all pods and nodes of a lab, both protocols and families, and judges them by the three rules.
 * Where packets are lost, what is known of their nodes is named with them. Declared paths are tried beside.
 */
export async function verifyLive(options: LiveVerificationOptions): Promise<VerifyReport> {
  const { participants, onProgress, signal } = options;
  const judge = new MatrixJudge(options.circumstances);
  for (const fact of options.unknown) judge.addUnknown(fact);
  const suspects = await judgeSound(judge, probeMatrix({ participants, onProgress, signal }));
  await judgeLasting(judge, participants, suspects, signal);
  const paths = await Promise.all(options.paths.map((path) => probePath(path, participants, signal)));
  return reportOf(judge.report().rules, paths);
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
    const probes = left.map(({ probe }) => probe);
    left = await judgeSound(judge, probeMatrix({ participants, probes, timeout: PATIENCE, signal }));
  }
  for (const result of left) judge.add(result);
}
