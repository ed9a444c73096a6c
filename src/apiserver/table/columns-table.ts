import { NODE_COLUMNS } from './node-columns.ts';
import {
  CONFIG_MAP_COLUMNS,
  CONTROLLER_REVISION_COLUMNS,
  ENDPOINT_SLICE_COLUMNS,
  ENDPOINTS_COLUMNS,
  EVENT_COLUMNS,
  LEASE_COLUMNS,
  METADATA_COLUMNS,
  NAMESPACE_COLUMNS,
  NETWORK_POLICY_COLUMNS,
  SECRET_COLUMNS,
  SERVICE_ACCOUNT_COLUMNS,
} from './other-columns.ts';
import { POD_COLUMNS } from './pod-columns.ts';
import { SERVICE_COLUMNS } from './service-columns.ts';
import type { TableColumn } from './table-column.ts';
import {
  DAEMON_SET_COLUMNS,
  DEPLOYMENT_COLUMNS,
  REPLICA_SET_COLUMNS,
  STATEFUL_SET_COLUMNS,
} from './workload-columns.ts';

const COLUMNS: Readonly<Record<string, readonly TableColumn[]>> = {
  configmaps: CONFIG_MAP_COLUMNS,
  controllerrevisions: CONTROLLER_REVISION_COLUMNS,
  daemonsets: DAEMON_SET_COLUMNS,
  deployments: DEPLOYMENT_COLUMNS,
  endpoints: ENDPOINTS_COLUMNS,
  endpointslices: ENDPOINT_SLICE_COLUMNS,
  events: EVENT_COLUMNS,
  leases: LEASE_COLUMNS,
  namespaces: NAMESPACE_COLUMNS,
  networkpolicies: NETWORK_POLICY_COLUMNS,
  nodes: NODE_COLUMNS,
  pods: POD_COLUMNS,
  replicasets: REPLICA_SET_COLUMNS,
  secrets: SECRET_COLUMNS,
  serviceaccounts: SERVICE_ACCOUNT_COLUMNS,
  services: SERVICE_COLUMNS,
  statefulsets: STATEFUL_SET_COLUMNS,
};

/** The columns of the objects in that collection, which are in their stored version. */
export function columnsOf(storage: string): readonly TableColumn[] {
  return COLUMNS[storage] ?? METADATA_COLUMNS;
}
