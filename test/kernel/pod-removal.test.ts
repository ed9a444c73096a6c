import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { applyChanges } from '../../src/kernel/change-applier.ts';
import { LINK_GROUPS, LinkReaper } from '../../src/kernel/link-reaper.ts';
import { readNetworkState } from '../../src/kernel/network-state-reader.ts';
import { retirePodInterface } from '../../src/kernel/pod-interface.ts';
import { readLinks } from '../../src/kernel/rtnetlink/link-table.ts';
import { configure, routeSocket } from '../namespace.ts';
import { assertDone, codes, newNode, wiring } from './wired-pod.ts';

describe('LinkReaper', () => {
  it('removes links in the background, and what an earlier one has left', async (t) => {
    const node = await newNode(t);
    configure(node.host, [
      'link add left0 type bridge',
      'link add left1 type bridge',
      'link add stays type bridge',
      `link set left0 group ${LINK_GROUPS.unfinished}`,
      `link set left1 group ${LINK_GROUPS.retired}`,
    ]);
    await using reaper = await LinkReaper.open({ namespace: node.host });
    assert.deepEqual(
      readLinks(node.socket).links.map(({ name }) => name),
      ['lo', 'stays'],
    );
    reaper.retire(node.socket, 'stays', readLinks(node.socket).indexOf('stays'));
    assert.equal(reaper.isRetired('stays'), true);
    await reaper.idle();
    assert.equal(reaper.isRetired('stays'), false);
    assert.deepEqual(
      readLinks(node.socket).links.map(({ name }) => name),
      ['lo'],
    );
  });
});

describe('retirePodInterface', () => {
  it('leaves neither name nor address behind, while the link itself may live on', async (t) => {
    const node = await newNode(t);
    assertDone(await applyChanges(wiring(node), node.context));
    assert.equal(retirePodInterface(node.podPath, 'eth0'), true);
    const state = readNetworkState(routeSocket(t, node.pod), { namespace: node.pod });
    assert.deepEqual(state.addresses, []);
    assert.equal(
      state.links.some(({ name }) => name === 'eth0'),
      false,
    );
    assert.equal(retirePodInterface(node.podPath, 'eth0'), false);
    assert.equal(retirePodInterface('/nonexistent', 'eth0'), false);
    const removed = await applyChanges([{ changes: [{ kind: 'remove-link', name: 'vethpod7' }] }], node.context);
    assert.deepEqual(codes(removed), [undefined]);
    await node.reaper.idle();
    assert.deepEqual(
      readLinks(node.socket).links.map(({ name }) => name),
      ['lo'],
    );
    assert.deepEqual(
      readLinks(routeSocket(t, node.pod)).links.map(({ name }) => name),
      ['lo'],
    );
  });
});
