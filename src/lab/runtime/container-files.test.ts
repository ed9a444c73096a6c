import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hostnameOf, renderHostsFile, renderResolverFile } from './container-files.ts';
import type { RuntimePod, RuntimePodSpec } from './pod-spec.ts';

const dns = { servers: ['10.96.0.10', 'fd00::a'], domain: 'cluster.local' };

function pod(spec: Partial<RuntimePodSpec> = {}, name = 'db-0'): RuntimePod {
  const metadata = { namespace: 'shop', name, uid: 'u' };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [], ...spec } };
}

describe("a pod's /etc/hosts", () => {
  it('holds its own names and aliases', () => {
    const spec = {
      hostname: 'db-0',
      subdomain: 'db',
      hostAliases: [{ ip: '192.0.2.9', hostnames: ['legacy', 'old'] }],
    };
    const lines = renderHostsFile(pod(spec), ['10.0.0.2', 'fd00::2'], 'cluster.local').split('\n');
    assert.ok(lines.includes('127.0.0.1\tlocalhost'));
    assert.ok(lines.includes('10.0.0.2\tdb-0.db.shop.svc.cluster.local\tdb-0'));
    assert.ok(lines.includes('fd00::2\tdb-0.db.shop.svc.cluster.local\tdb-0'));
    assert.ok(lines.includes('192.0.2.9\tlegacy\told'));
  });

  it('cuts names to what a host name can hold', () => {
    assert.equal(hostnameOf(pod({}, `${'a'.repeat(62)}-b`)), 'a'.repeat(62));
  });
});

describe("a pod's /etc/resolv.conf", () => {
  it('searches the namespace, the services, the domain', () => {
    assert.equal(
      renderResolverFile(pod(), dns),
      'nameserver 10.96.0.10\nnameserver fd00::a\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n',
    );
  });

  it("is the host's where the policy says so", () => {
    assert.equal(renderResolverFile(pod({ dnsPolicy: 'Default' }), dns), undefined);
    assert.equal(renderResolverFile(pod({ hostNetwork: true }), dns), undefined);
    assert.equal(renderResolverFile(pod(), { ...dns, servers: [] }), undefined);
    assert.match(
      renderResolverFile(pod({ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }), dns) ?? '',
      /ndots/,
    );
  });

  it("takes the pod's own settings", () => {
    const dnsConfig = {
      nameservers: ['192.0.2.53'],
      searches: ['example.com'],
      options: [{ name: 'ndots', value: '1' }, { name: 'edns0' }],
    };
    assert.equal(
      renderResolverFile(pod({ dnsPolicy: 'None', dnsConfig }), dns),
      'nameserver 192.0.2.53\nsearch example.com\noptions ndots:1 edns0\n',
    );
    assert.match(renderResolverFile(pod({ dnsConfig }), dns) ?? '', /^options ndots:1 edns0$/m);
  });
});
