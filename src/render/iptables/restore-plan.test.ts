import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseIptablesSave } from '../../netfilter/iptables/parse-iptables-save.ts';
import { planRestore } from './restore-plan.ts';

const NAT = '*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n';
const PORT = 'KUBE-SVC-YK2SNH4V42VSDWIJ';

function restore(present: string, desired: string): string | undefined {
  return planRestore(parseIptablesSave(present), parseIptablesSave(desired));
}

describe('what iptables-restore is told', () => {
  it('is nothing where the kernel has the same rules, in the words of iptables-save', () => {
    const desired = `${NAT}:KUBE-MARK-MASQ - [0:0]\n-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000\nCOMMIT\n`;
    const present = `${NAT}:KUBE-MARK-MASQ - [7:420]\n[7:420] -A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000\nCOMMIT\n`;
    assert.equal(restore(present, desired), undefined);
    assert.notEqual(restore(present, desired.replace('or-mark', 'xor-mark')), undefined);
  });

  it('fills the chains that differ, and puts missing jumps first', () => {
    const desired = `${NAT}:KUBE-SERVICES - [0:0]\n:${PORT} - [0:0]\n-A PREROUTING -j KUBE-SERVICES\n-A KUBE-SERVICES -d 10.0.0.1/32 -j ${PORT}\n-A ${PORT} -j ACCEPT\nCOMMIT\n`;
    const present = `${NAT}:DOCKER - [0:0]\n:${PORT} - [0:0]\n-A PREROUTING -j DOCKER\n-A ${PORT} -j ACCEPT\nCOMMIT\n`;
    assert.equal(
      restore(present, desired),
      `*nat\n:KUBE-SERVICES - [0:0]\n-A KUBE-SERVICES -d 10.0.0.1/32 -j ${PORT}\n-I PREROUTING 1 -j KUBE-SERVICES\nCOMMIT\n`,
    );
  });

  it('removes chains and jumps that are ours, once each, and nobody else’s', () => {
    const present = `${NAT}:DOCKER - [0:0]\n:KUBE-SERVICES - [0:0]\n:${PORT} - [0:0]\n-A PREROUTING -j KUBE-SERVICES\n-A PREROUTING -j DOCKER\n-A OUTPUT -j KUBE-SERVICES\n-A OUTPUT -j KUBE-SERVICES\n-A KUBE-SERVICES -j ${PORT}\nCOMMIT\n`;
    assert.equal(
      restore(present, ''),
      `*nat\n:KUBE-SERVICES - [0:0]\n:${PORT} - [0:0]\n-D PREROUTING -j KUBE-SERVICES\n-D OUTPUT -j KUBE-SERVICES\n-D OUTPUT -j KUBE-SERVICES\n-X KUBE-SERVICES\n-X ${PORT}\nCOMMIT\n`,
    );
  });
});
