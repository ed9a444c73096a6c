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
import { NO_ROWS, type PathRows, renderPath } from './peer-path.ts';

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
  const rows = rowsOf(far);
  const made = near.byPeer.size === 0 ? rows.tables : without(rows, near.byPeer.keys());
  farTables.set(near, made);
  return made;
}

function without({ tables, byPeer }: SharedPathRows, peers: Iterable<string>): SharedTables {
  const { routes, neighbours, forwarding } = tables;
  const left = joinRows(Array.from(peers).flatMap((peer) => byPeer.get(peer) ?? []));
  return {
    routes: sharedTable({ table: routes, without: new Set(left.routes) }),
    neighbours: sharedTable({ table: neighbours, without: new Set(left.neighbours) }),
    forwarding: sharedTable({ table: forwarding, without: new Set(left.forwarding) }),
  };
}

/** The rows of all paths of a node, of which it has none for itself alone. */
export function outlookTables(outlook: NodeOutlook): SharedTables {
  const { node, far, near, sources } = outlook;
  const farRows = { tables: farTablesFor(outlook), byPeer: rowsOf(far).byPeer };
  const parts = [farRows, rowsOf(near)].map(({ tables, byPeer }) => {
    const own = byPeer.get(node) ?? NO_ROWS;
    const { routes, neighbours, forwarding } = tables;
    return {
      routes: sharedRouteTable({ table: routes, without: new Set(own.routes), sources }),
      neighbours: sharedTable({ table: neighbours, without: new Set(own.neighbours) }),
      forwarding: sharedTable({ table: forwarding, without: new Set(own.forwarding) }),
    };
  });
  return {
    routes: joinRouteTables(...parts.map(({ routes }) => routes)),
    neighbours: joinTables(...parts.map(({ neighbours }) => neighbours)),
    forwarding: joinTables(...parts.map(({ forwarding }) => forwarding)),
  };
}
