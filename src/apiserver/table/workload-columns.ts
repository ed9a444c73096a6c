import { type ApiObject, numberAt, objectAt, objectsAt, stringAt, valueAt } from '../json-value.ts';
import { labelSelectorText, labelsText } from './label-selector-text.ts';
import { AGE, NAME } from './metadata-columns.ts';
import { column, numberColumn, type TableColumn, wideColumn } from './table-column.ts';

const CONTAINERS = wideColumn('Containers', (object) => templateContainers(object, 'name'), 'Names of the containers.');
const IMAGES = wideColumn('Images', (object) => templateContainers(object, 'image'), 'Images of the containers.');
const SELECTOR = wideColumn(
  'Selector',
  (object) => labelSelectorText(valueAt(object, 'spec', 'selector')),
  'Which pods belong to it.',
);

function templateContainers(object: ApiObject, field: string): string {
  return objectsAt(object, 'spec', 'template', 'spec', 'containers')
    .map((container) => stringAt(container, field) ?? '')
    .join(',');
}

function status(field: string): (object: ApiObject) => number {
  return (object) => numberAt(object, 'status', field) ?? 0;
}

function desired(object: ApiObject): number {
  return numberAt(object, 'spec', 'replicas') ?? 1;
}

function readyOfDesired(object: ApiObject): string {
  return `${numberAt(object, 'status', 'readyReplicas') ?? 0}/${desired(object)}`;
}

export const DEPLOYMENT_COLUMNS: readonly TableColumn[] = [
  NAME,
  column('Ready', readyOfDesired, 'Pods that are ready, of those wanted.'),
  numberColumn('Up-to-date', status('updatedReplicas'), 'Pods of the latest template.'),
  numberColumn('Available', status('availableReplicas'), 'Pods that have been ready for long enough.'),
  AGE,
  CONTAINERS,
  IMAGES,
  SELECTOR,
];

export const REPLICA_SET_COLUMNS: readonly TableColumn[] = [
  NAME,
  numberColumn('Desired', desired, 'Pods that are wanted.'),
  numberColumn('Current', status('replicas'), 'Pods that there are.'),
  numberColumn('Ready', status('readyReplicas'), 'Pods that are ready.'),
  AGE,
  CONTAINERS,
  IMAGES,
  SELECTOR,
];

export const STATEFUL_SET_COLUMNS: readonly TableColumn[] = [
  NAME,
  column('Ready', readyOfDesired, 'Pods that are ready, of those wanted.'),
  AGE,
  CONTAINERS,
  IMAGES,
];

export const DAEMON_SET_COLUMNS: readonly TableColumn[] = [
  NAME,
  numberColumn('Desired', status('desiredNumberScheduled'), 'Nodes that should run it.'),
  numberColumn('Current', status('currentNumberScheduled'), 'Nodes that run it.'),
  numberColumn('Ready', status('numberReady'), 'Nodes whose pod is ready.'),
  numberColumn('Up-to-date', status('updatedNumberScheduled'), 'Nodes that run the latest template.'),
  numberColumn('Available', status('numberAvailable'), 'Nodes whose pod has been ready for long enough.'),
  column(
    'Node Selector',
    (object) => labelsText(objectAt(object, 'spec', 'template', 'spec', 'nodeSelector')),
    'Which nodes run it.',
  ),
  AGE,
  CONTAINERS,
  IMAGES,
  SELECTOR,
];
