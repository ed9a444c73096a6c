import { type ApiObject, numberAt, objectsAt, stringAt, stringsAt, valueAt } from '../json-value.ts';
import { labelsText } from './label-selector-text.ts';
import { AGE, NAME } from './metadata-columns.ts';
import { column, type TableColumn, wideColumn } from './table-column.ts';

export const SERVICE_COLUMNS: readonly TableColumn[] = [
  NAME,
  column('Type', (service) => stringAt(service, 'spec', 'type') ?? '', 'How the service is reached.'),
  column('Cluster-IP', clusterIp, 'Its address inside the cluster.'),
  column('External-IP', externalIp, 'Its addresses outside.'),
  column('Port(s)', ports, 'Ports, their node ports and protocols.'),
  AGE,
  wideColumn('Selector', (service) => labelsText(valueAt(service, 'spec', 'selector')), 'Which pods stand behind it.'),
];

function clusterIp(service: ApiObject): string {
  if (stringAt(service, 'spec', 'type') === 'ExternalName') return '<none>';
  return stringAt(service, 'spec', 'clusterIP') ?? '<none>';
}

function externalIp(service: ApiObject): string {
  const given = stringsAt(service, 'spec', 'externalIPs');
  const balancers = objectsAt(service, 'status', 'loadBalancer', 'ingress').map(
    (ingress) => stringAt(ingress, 'ip') ?? stringAt(ingress, 'hostname') ?? '',
  );
  switch (stringAt(service, 'spec', 'type')) {
    case 'ExternalName':
      return stringAt(service, 'spec', 'externalName') ?? '';
    case 'LoadBalancer': {
      const all = [...balancers, ...given];
      return all.length === 0 ? '<pending>' : all.join(',');
    }
    default:
      return given.length === 0 ? '<none>' : given.join(',');
  }
}

function ports(service: ApiObject): string {
  const texts = objectsAt(service, 'spec', 'ports').map((port) => {
    const nodePort = numberAt(port, 'nodePort') ?? 0;
    return `${numberAt(port, 'port') ?? 0}${nodePort > 0 ? `:${nodePort}` : ''}/${stringAt(port, 'protocol') ?? 'TCP'}`;
  });
  return texts.length === 0 ? '<none>' : texts.join(',');
}
