import type { KubeObject } from '../kube/object.ts';

const labels = (app: string) => ({ 'app.kubernetes.io/name': app });

/** No command, so that the built-in server stands in for it on its ports. */
const container = (name: string, port: number) => ({
  name,
  image: name,
  ports: [{ name: 'http', containerPort: port }],
});

function workload(kind: 'Deployment' | 'StatefulSet' | 'DaemonSet', app: string, port: number, spec: object) {
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name: app, namespace: 'default', labels: labels(app) },
    spec: {
      selector: { matchLabels: labels(app) },
      template: { metadata: { labels: labels(app) }, spec: { containers: [container(app, port)] } },
      ...spec,
    },
  };
}

function service(app: string, port: number, spec: object) {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: app, namespace: 'default', labels: labels(app) },
    spec: { selector: labels(app), ports: [{ name: 'http', port: 80, targetPort: port }], ...spec },
  };
}

const NODE_PORT = 30080;

/** A cluster's worth of pods and services, for a lab that is started without manifests: on every host at least two. */
export function defaultManifests(hosts: number): KubeObject[] {
  const families = { ipFamilyPolicy: 'PreferDualStack' };
  return [
    service('web', 8080, {
      ...families,
      type: 'NodePort',
      ports: [{ name: 'http', port: 80, targetPort: 'http', nodePort: NODE_PORT }],
    }),
    workload('Deployment', 'web', 8080, { replicas: hosts }),
    service('db', 5432, { ...families, clusterIP: 'None' }),
    workload('StatefulSet', 'db', 5432, { replicas: 2, serviceName: 'db' }),
    service('echo', 7000, { ...families, sessionAffinity: 'ClientIP' }),
    workload('DaemonSet', 'echo', 7000, {}),
  ];
}
