import { type ApiObject, listAt, numberAt, objectAt, objectsAt, stringAt, stringsAt, valueAt } from '../json-value.ts';
import { ageOf } from './duration.ts';
import { labelSelectorText } from './label-selector-text.ts';
import { AGE, NAME } from './metadata-columns.ts';
import { column, numberColumn, type TableColumn, wideColumn } from './table-column.ts';

export const METADATA_COLUMNS: readonly TableColumn[] = [NAME, column('Created At', createdAt, 'When it was created.')];

function createdAt(object: ApiObject): string {
  return stringAt(object.metadata, 'creationTimestamp') ?? '';
}

function keyCount(...fields: readonly string[]): (object: ApiObject) => number {
  return (object) => fields.reduce((sum, field) => sum + Object.keys(objectAt(object, field) ?? {}).length, 0);
}

export const NAMESPACE_COLUMNS: readonly TableColumn[] = [
  NAME,
  column('Status', (object) => stringAt(object, 'status', 'phase') ?? '', 'Active, or Terminating.'),
  AGE,
];

export const CONFIG_MAP_COLUMNS: readonly TableColumn[] = [
  NAME,
  numberColumn('Data', keyCount('data', 'binaryData'), 'How many entries it has.'),
  AGE,
];

export const SECRET_COLUMNS: readonly TableColumn[] = [
  NAME,
  column('Type', (object) => stringAt(object, 'type') ?? '', 'What its entries are for.'),
  numberColumn('Data', keyCount('data'), 'How many entries it has.'),
  AGE,
];

export const SERVICE_ACCOUNT_COLUMNS: readonly TableColumn[] = [
  NAME,
  numberColumn('Secrets', (object) => listAt(object, 'secrets').length, 'How many secrets its pods may mount.'),
  AGE,
];

export const LEASE_COLUMNS: readonly TableColumn[] = [
  NAME,
  column('Holder', (object) => stringAt(object, 'spec', 'holderIdentity') ?? '', 'Who holds it.'),
  AGE,
];

export const NETWORK_POLICY_COLUMNS: readonly TableColumn[] = [
  NAME,
  column(
    'Pod-Selector',
    (object) => labelSelectorText(valueAt(object, 'spec', 'podSelector')),
    'Which pods it is about.',
  ),
  AGE,
];

export const CONTROLLER_REVISION_COLUMNS: readonly TableColumn[] = [
  NAME,
  column('Controller', controllerOf, 'What it is a revision of.'),
  numberColumn('Revision', (object) => numberAt(object, 'revision') ?? 0, 'Its number.'),
  AGE,
];

function controllerOf(object: ApiObject): string {
  const owner = objectsAt(object.metadata, 'ownerReferences').find((reference) => reference.controller === true);
  if (owner === undefined) return '<none>';
  const [group] = (stringAt(owner, 'apiVersion') ?? '').includes('/')
    ? (stringAt(owner, 'apiVersion') ?? '').split('/')
    : [''];
  const kind = (stringAt(owner, 'kind') ?? '').toLowerCase();
  return `${kind}${group === '' ? '' : `.${group}`}/${stringAt(owner, 'name') ?? ''}`;
}

/** Lists are cut after three, as kube-apiserver's printers do. */
function shortened(items: readonly string[], limit: number): string {
  if (items.length === 0) return '<none>';
  const more = items.length > limit ? ` + ${items.length - limit} more...` : '';
  return `${items.slice(0, limit).join(',')}${more}`;
}

export const ENDPOINTS_COLUMNS: readonly TableColumn[] = [
  NAME,
  column('Endpoints', endpointsText, 'Addresses and ports that are ready.'),
  AGE,
];

function endpointsText(object: ApiObject): string {
  const texts = objectsAt(object, 'subsets').flatMap((subset) => {
    const addresses = objectsAt(subset, 'addresses').map((address) => stringAt(address, 'ip') ?? '');
    const ports = objectsAt(subset, 'ports');
    if (ports.length === 0) return addresses;
    return ports.flatMap((port) => addresses.map((ip) => hostPort(ip, numberAt(port, 'port') ?? 0)));
  });
  return shortened(texts, 3);
}

function hostPort(ip: string, port: number): string {
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

export const ENDPOINT_SLICE_COLUMNS: readonly TableColumn[] = [
  NAME,
  column('AddressType', (object) => stringAt(object, 'addressType') ?? '', 'Family of its addresses.'),
  column('Ports', slicePorts, 'Ports of every endpoint.'),
  column(
    'Endpoints',
    (object) =>
      shortened(
        objectsAt(object, 'endpoints').flatMap((endpoint) => stringsAt(endpoint, 'addresses').slice(0, 1)),
        3,
      ),
    'Addresses of the endpoints.',
  ),
  AGE,
];

function slicePorts(object: ApiObject): string {
  const ports = objectsAt(object, 'ports');
  if (ports.length === 0) return '<unset>';
  return shortened(
    ports.map((port) => String(numberAt(port, 'port') ?? '*')),
    3,
  );
}

export const EVENT_COLUMNS: readonly TableColumn[] = [
  column('Last Seen', (object, now) => lastSeen(object, now), 'Time since it last happened.'),
  column('Type', (object) => stringAt(object, 'type') ?? '', 'Normal, or Warning.'),
  column('Reason', (object) => stringAt(object, 'reason') ?? '', 'Why, in one word.'),
  column('Object', involvedObject, 'What it happened to.'),
  wideColumn('Subobject', (object) => stringAt(object, 'involvedObject', 'fieldPath') ?? '', 'Which part of it.'),
  wideColumn('Source', source, 'Who says so.'),
  column('Message', (object) => (stringAt(object, 'message') ?? '').trim(), 'What happened.'),
  wideColumn(
    'First Seen',
    (object, now) => ageOf(stringAt(object, 'firstTimestamp') ?? stringAt(object, 'eventTime'), now),
    'Time since it first happened.',
  ),
  wideColumn('Count', eventCount, 'How often it happened.'),
  { ...NAME, priority: 1 },
];

function lastSeen(object: ApiObject, now: number): string {
  const time =
    stringAt(object, 'series', 'lastObservedTime') ??
    stringAt(object, 'lastTimestamp') ??
    stringAt(object, 'eventTime') ??
    stringAt(object, 'firstTimestamp');
  return ageOf(time, now);
}

function involvedObject(object: ApiObject): string {
  const kind = (stringAt(object, 'involvedObject', 'kind') ?? '').toLowerCase();
  const name = stringAt(object, 'involvedObject', 'name') ?? '';
  return name === '' ? kind : `${kind}/${name}`;
}

function source(object: ApiObject): string {
  const component = stringAt(object, 'source', 'component') ?? stringAt(object, 'reportingComponent') ?? '';
  const host = stringAt(object, 'source', 'host') ?? stringAt(object, 'reportingInstance') ?? '';
  return host === '' ? component : `${component}, ${host}`;
}

function eventCount(object: ApiObject): number {
  return numberAt(object, 'series', 'count') ?? numberAt(object, 'count') ?? 1;
}
