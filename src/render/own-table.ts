import { OWNED } from '../host/owned-state.ts';
import type { Table, TableFamily } from '../netfilter/node.ts';

/**
 * Our table of a family: bound to the agent's socket, so that other people's flushes skip it, and outliving the agent.
 */
export function ownTable(family: TableFamily, content: Partial<Pick<Table, 'sets' | 'maps' | 'chains'>>): Table {
  const { sets = [], maps = [], chains = [] } = content;
  return { family, name: OWNED.table, flags: ['owner', 'persist'], sets, maps, chains };
}
