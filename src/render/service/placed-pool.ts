import type { PoolEndpoint } from '../../plan/service/service-plan.ts';
import type { MemberBlock } from './member-block.ts';

/** A pool's place in the maps of endpoints. */
export interface PlacedPool {
  readonly number: number;
  /** Endpoints by their slots. */
  readonly slots: readonly PoolEndpoint[];
  /** Of a pool with affinity, its block of numbers, and those of them that its slots have. */
  readonly block: MemberBlock | undefined;
  readonly members: readonly number[];
}
