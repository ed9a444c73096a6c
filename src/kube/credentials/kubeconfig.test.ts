import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ManualClock } from '../manual-clock.ts';
import { readInClusterConnection } from './in-cluster.ts';
import { readKubeconfig } from './kubeconfig.ts';

const CONFIG = `
apiVersion: v1
kind: Config
current-context: lab
clusters:
- name: lab
  cluster: {server: 'https://10.0.0.1:6443/prefix', certificate-authority: ca.pem, tls-server-name: kubernetes}
- name: plain
  cluster: {server: 'ftp://10.0.0.1'}
contexts:
- name: lab
  context: {cluster: lab, user: agent, namespace: kube-system}
- name: inline
  context: {cluster: lab, user: inline}
- name: cloud
  context: {cluster: lab, user: cloud}
- name: broken
  context: {cluster: nowhere, user: agent}
- name: ftp
  context: {cluster: plain, user: agent}
users:
- name: agent
  user: {tokenFile: token}
- name: inline
  user: {client-certificate-data: ${btoa('CERT')}, client-key-data: ${btoa('KEY')}, token: t}
- name: cloud
  user: {exec: {command: aws}}
`;

describe('readKubeconfig', () => {
  let directory = '';
  let file = '';
  before(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'flatnet-kubeconfig-'));
    file = path.join(directory, 'config');
    await writeFile(file, CONFIG);
    await writeFile(path.join(directory, 'ca.pem'), 'CA');
    await writeFile(path.join(directory, 'ca.crt'), 'CA');
    await writeFile(path.join(directory, 'namespace'), 'flatnet\n');
    await writeFile(path.join(directory, 'token'), 'one\n');
  });
  after(() => rm(directory, { recursive: true }));

  it('reads the current context, files relative to the kubeconfig', async () => {
    const connection = await readKubeconfig(file);
    assert.equal(connection.server.href, 'https://10.0.0.1:6443/prefix');
    assert.equal(connection.certificateAuthority?.toString(), 'CA');
    assert.equal(connection.serverName, 'kubernetes');
    assert.equal(connection.namespace, 'kube-system');
    assert.equal(await connection.token?.read(), 'one');
  });

  it('reads data that stand in the file', async () => {
    const connection = await readKubeconfig(file, 'inline');
    assert.equal(connection.clientCertificate?.toString(), 'CERT');
    assert.equal(connection.clientKey?.toString(), 'KEY');
    assert.equal(await connection.token?.read(), 't');
  });

  it('refuses what it cannot use, by name', async () => {
    await assert.rejects(readKubeconfig(file, 'cloud'), { code: 'unsupported', message: /user cloud .* exec/ });
    await assert.rejects(readKubeconfig(file, 'broken'), { code: 'invalid', message: /nowhere/ });
    await assert.rejects(readKubeconfig(file, 'ftp'), { code: 'invalid', message: /ftp:/ });
    await assert.rejects(readKubeconfig(file, 'none'), { code: 'invalid', remedy: /lab, inline/ });
    await assert.rejects(readKubeconfig(path.join(directory, 'absent')), { code: 'io' });
    await writeFile(path.join(directory, 'odd'), 'contexts: [{name: a}]');
    await assert.rejects(readKubeconfig(path.join(directory, 'odd')), {
      code: 'invalid',
      message: /contexts\.0\.context/,
    });
  });

  it('reads the mounted service account of a pod, and its token as it rotates', async () => {
    const clock = new ManualClock();
    const environment = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
    const connection = await readInClusterConnection(environment, directory, clock);
    assert.equal(connection.server.href, 'https://[fd00::1]/');
    assert.equal(connection.namespace, 'flatnet');
    await writeFile(path.join(directory, 'token'), 'two\n');
    assert.equal(await connection.token?.read(), 'one');
    clock.advance(61_000);
    assert.equal(await connection.token?.read(), 'two');
    await writeFile(path.join(directory, 'token'), 'three\n');
    connection.token?.expire();
    assert.equal(await connection.token?.read(), 'three');
    await assert.rejects(readInClusterConnection({}, directory), { code: 'unsupported' });
  });
});
