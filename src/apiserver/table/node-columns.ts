import { type ApiObject, objectAt, objectsAt, stringAt } from '../json-value.ts';
import { AGE, NAME } from './metadata-columns.ts';
import { column, type TableColumn, wideColumn } from './table-column.ts';

export const NODE_COLUMNS: readonly TableColumn[] = [
  NAME,
  column('Status', nodeStatus, 'Whether the node is ready and takes pods.'),
  column('Roles', roles, 'From the labels node-role.kubernetes.io/ROLE.'),
  AGE,
  column('Version', info('kubeletVersion', ''), 'Version of its kubelet.'),
  wideColumn('Internal-IP', address('InternalIP'), 'Its first address inside the cluster.'),
  wideColumn('External-IP', address('ExternalIP'), 'Its first address outside.'),
  wideColumn('OS-Image', info('osImage', '<unknown>'), 'Its operating system.'),
  wideColumn('Kernel-Version', info('kernelVersion', '<unknown>'), 'Its kernel.'),
  wideColumn('Container-Runtime', info('containerRuntimeVersion', '<unknown>'), 'What runs its containers.'),
];

function nodeStatus(node: ApiObject): string {
  const ready = objectsAt(node, 'status', 'conditions').find((condition) => condition.type === 'Ready');
  const word = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return objectAt(node, 'spec')?.unschedulable === true ? `${word},SchedulingDisabled` : word;
}

const ROLE_PREFIX = 'node-role.kubernetes.io/';

function roles(node: ApiObject): string {
  const labels = Object.entries(objectAt(node.metadata, 'labels') ?? {});
  const found = labels.flatMap(([key, value]) => {
    if (key.startsWith(ROLE_PREFIX)) return [key.slice(ROLE_PREFIX.length)];
    return key === 'kubernetes.io/role' ? [String(value)] : [];
  });
  return found.length === 0 ? '<none>' : found.toSorted().join(',');
}

function info(field: string, missing: string): (node: ApiObject) => string {
  return (node) => stringAt(node, 'status', 'nodeInfo', field) || missing;
}

function address(type: string): (node: ApiObject) => string {
  return (node) => {
    const found = objectsAt(node, 'status', 'addresses').find((entry) => entry.type === type);
    return stringAt(found, 'address') ?? '<none>';
  };
}
