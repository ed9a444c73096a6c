import type { Packet } from './model/packet.ts';
import type { Site } from './model/site.ts';
import type { WalkOutcome } from './model/walk-state.ts';
import type { RuleName } from './report.ts';

/** How a rule is broken. */
export type BreachKind =
  | 'misdelivered'
  | 'dropped'
  | 'rejected'
  | 'no-route'
  /** Short packets arrive; one as long as the links of both ends take is lost, and the sender isn't told. */
  | 'too-long'
  /** The receiver sees another sender. */
  | 'source-translated'
  /** The receiver is reached under another address. */
  | 'destination-translated'
  /** The packet arrived, its answer didn't. */
  | 'answer-lost'
  /** The answer comes from another address than was asked. */
  | 'answer-translated'
  /** The pod bears another address than the cluster knows it under. */
  | 'other-address';

/** A packet that breaks a rule, and the way that it took: what a cause is told from. */
export interface Evidence {
  readonly rule: RuleName;
  readonly kind: BreachKind;
  readonly from: Site;
  /** Who was meant. */
  readonly to: Site;
  /** As it was sent. */
  readonly sent: Packet;
  readonly there: WalkOutcome;
  /** The way of the answer, where the packet arrived, or of the error that says that it is too long. */
  readonly back?: WalkOutcome;
}
