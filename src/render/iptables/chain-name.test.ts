import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseAddress } from '../../address/address.ts';
import { endpointChainName, formatSocketAddress, serviceChainName } from './chain-name.ts';

const WEB = { name: 'default/nginx:web', protocol: 'tcp' } as const;

describe('chain names', () => {
  it('are those that kube-proxy gives', () => {
    const endpoint = (text: string) => endpointChainName(WEB, { address: parseAddress(text), port: 80 });
    assert.equal(serviceChainName('SVC', WEB), 'KUBE-SVC-YK2SNH4V42VSDWIJ');
    assert.equal(endpoint('10.240.0.28'), 'KUBE-SEP-B4KBD76YHXMJL4VO');
    assert.equal(endpoint('10.240.0.57'), 'KUBE-SEP-V73B5NNFXA6V3U7A');
  });

  it('tell protocols and unnamed ports apart, and not the roles', () => {
    assert.equal(serviceChainName('SVL', WEB), 'KUBE-SVL-YK2SNH4V42VSDWIJ');
    assert.notEqual(serviceChainName('SVC', { ...WEB, protocol: 'udp' }), serviceChainName('SVC', WEB));
    assert.notEqual(serviceChainName('SVC', { ...WEB, name: 'default/nginx' }), serviceChainName('SVC', WEB));
  });

  it('put IPv6 addresses in brackets', () => {
    assert.equal(formatSocketAddress({ address: parseAddress('fd00::7'), port: 80 }), '[fd00::7]:80');
  });
});
