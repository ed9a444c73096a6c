import type { StateTable } from '../host/network-state.ts';
import type { SharedTables } from '../host/overlay.ts';
import {
  forwardingTable,
  joinRouteTables,
  joinTables,
  neighbourTable,
  routeTable,
  sharedRouteTable,
  sharedTable,
} from '../host/state-table.ts';
import type { NodeOutlook, SharedPaths } from '../plan/node-outlook.ts';
import { type PathRows, renderPath } from './peer-path.ts';

/** The rows of shared paths, and which of them lead to whom. */
interface SharedPathRows {
  readonly tables: SharedTables;
  readonly byPeer: ReadonlyMap<string, PathRows>;
}

const rendered = new WeakMap<SharedPaths, SharedPathRows>();

/** Rendered once, for all nodes that share the paths. */
function rowsOf(paths: SharedPaths): SharedPathRows {
  const known = rendered.get(paths);
  if (known !== undefined) return known;
  const byPeer = new Map<string, PathRows>();
  for (const [peer, its] of paths.byPeer) byPeer.set(peer, joinRows(its.map(renderPath)));
  const { routes, neighbours, forwarding } = joinRows([...byPeer.values()]);
  const tables = {
    routes: routeTable(routes),
    neighbours: neighbourTable(neighbours),
    forwarding: forwardingTable(forwarding),
  };
  const made = { tables, byPeer };
  rendered.set(paths, made);
  return made;
}

function joinRows(parts: readonly PathRows[]): PathRows {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  return {
    routes: parts.flatMap(({ routes }) => routes),
    neighbours: parts.flatMap(({ neighbours }) => neighbours),
    forwarding: parts.flatMap(({ forwarding }) => forwarding),
  };
}

/** What all nodes of one neighbourhood have of the far paths: not those to each other. */
const farTables = new WeakMap<SharedPaths, SharedTables>();

function farTablesFor({ far, near }: NodeOutlook): SharedTables {
  const known = farTables.get(near);
  if (known !== undefined) return known;
  const { tables, byPeer } = rowsOf(far);
  const made = near.byPeer.size === 0 ? tables : without(tables, [...near.byPeer.keys()], byPeer);
  farTables.set(near, made);
  return made;
}

function without(
  { routes, neighbours, forwarding }: SharedTables,
  peers: readonly string[],
  byPeer: ReadonlyMap<string, PathRows>,
): SharedTables {
  const left = joinRows(peers.flatMap((peer) => byPeer.get(peer) ?? []));
  const shared = <Row, Key>(table: StateTable<Row, Key>, rows: readonly Row[]) =>
    rows.length === 0 ? table : sharedTable({ table, without: new Set(rows) });
  return {
    routes: shared(routes, left.routes),
    neighbours: shared(neighbours, left.neighbours),
    forwarding: shared(forwarding, left.forwarding),
  };
}

/** The rows of all paths of a node, of which it has none for itself alone. */
export function outlookTables(outlook: NodeOutlook): SharedTables {
  const { node, far, near, sources } = outlook;
  const nearRows = rowsOf(near);
  const fars = without(farTablesFor(outlook), near.byPeer.has(node) ? [] : [node], rowsOf(far).byPeer);
  const nears = without(nearRows.tables, [node], nearRows.byPeer);
  const spoken = [fars.routes, nears.routes].map((table) => sharedRouteTable({ table, without: new Set(), sources }));
  return {
    routes: joinRouteTables(...spoken),
    neighbours: joinTables(fars.neighbours, nears.neighbours),
    forwarding: joinTables(fars.forwarding, nears.forwarding),
  };
}
