import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { expandVariables, serviceVariables } from './environment.ts';

describe('variables in commands', () => {
  const variables = new Map([
    ['NAME', 'value'],
    ['EMPTY', ''],
    ['TRICKY', '$(NAME)'],
  ]);

  it('are replaced, once', () => {
    assert.equal(expandVariables('a $(NAME) b$(EMPTY)c', variables), 'a value bc');
    assert.equal(expandVariables('$(TRICKY)', variables), '$(NAME)');
  });

  it('stay where they name nothing, or are escaped', () => {
    assert.equal(expandVariables('$(OTHER) $NAME $(NAME', variables), '$(OTHER) $NAME $(NAME');
    assert.equal(expandVariables('$$(NAME) $$$(NAME)', variables), '$(NAME) $value');
  });

  it('leave text without a dollar sign alone', () => {
    const text = fc.string().filter((value) => !value.includes('$'));
    fc.assert(fc.property(text, (value) => assert.equal(expandVariables(value, variables), value)));
  });
});

describe('variables about services', () => {
  it('name host and port in the link format', () => {
    const ports = [
      { name: 'http', port: 80 },
      { name: 'dns-udp', port: 53, protocol: 'UDP' as const },
    ];
    const metadata = { name: 'my-web', namespace: 'default' };
    const service = { apiVersion: 'v1', kind: 'Service', metadata, spec: { clusterIP: '10.96.0.7', ports } };
    assert.deepEqual(Object.fromEntries(serviceVariables([service])), {
      MY_WEB_SERVICE_HOST: '10.96.0.7',
      MY_WEB_SERVICE_PORT: '80',
      MY_WEB_SERVICE_PORT_HTTP: '80',
      MY_WEB_SERVICE_PORT_DNS_UDP: '53',
      MY_WEB_PORT: 'tcp://10.96.0.7:80',
      MY_WEB_PORT_80_TCP: 'tcp://10.96.0.7:80',
      MY_WEB_PORT_80_TCP_PROTO: 'tcp',
      MY_WEB_PORT_80_TCP_PORT: '80',
      MY_WEB_PORT_80_TCP_ADDR: '10.96.0.7',
      MY_WEB_PORT_53_UDP: 'udp://10.96.0.7:53',
      MY_WEB_PORT_53_UDP_PROTO: 'udp',
      MY_WEB_PORT_53_UDP_PORT: '53',
      MY_WEB_PORT_53_UDP_ADDR: '10.96.0.7',
    });
  });

  it('leave out headless services', () => {
    const spec = { clusterIP: 'None', ports: [{ port: 80 }] };
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'db' }, spec };
    assert.equal(serviceVariables([service]).size, 0);
  });
});
