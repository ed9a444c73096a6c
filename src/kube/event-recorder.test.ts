import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeApi } from '../../test/kube/fake-api.ts';
import { EventRecorder } from './event-recorder.ts';
import { ManualClock } from './manual-clock.ts';
import { EVENTS } from './resource.ts';

const NODE = { kind: 'Node', apiVersion: 'v1', name: 'node-1', uid: 'node-1' };

describe('EventRecorder', () => {
  it('counts what repeats, anew after a while', async () => {
    await using api = await FakeApi.start();
    const clock = new ManualClock();
    const { signal } = new AbortController();
    const recorder = new EventRecorder({ client: api.client, component: 'flatnet-agent', clock, signal });
    const event = { type: 'Warning', reason: 'Full', message: 'no prefix is left' } as const;
    recorder.record(NODE, event);
    recorder.record(NODE, event);
    recorder.record(NODE, { ...event, reason: 'Other' });
    await recorder.settled();
    const counts = () =>
      api.all(EVENTS).map(({ reason, count, metadata }) => `${metadata.namespace} ${reason} ${count}`);
    assert.deepEqual(counts(), ['default Full 2', 'default Other 1']);
    clock.advance(601_000);
    recorder.record(NODE, event);
    await recorder.settled();
    assert.deepEqual(counts(), ['default Full 2', 'default Other 1', 'default Full 1']);
  });

  it('writes anew where the server has forgotten the event', async () => {
    await using api = await FakeApi.start();
    const { signal } = new AbortController();
    const recorder = new EventRecorder({ client: api.client, component: 'test', clock: new ManualClock(), signal });
    const event = { type: 'Normal', reason: 'A', message: 'b' } as const;
    recorder.record(NODE, event);
    await recorder.settled();
    for (const { metadata } of api.all(EVENTS)) await api.client.delete(EVENTS, metadata);
    recorder.record(NODE, event);
    await recorder.settled();
    assert.equal(api.all(EVENTS).length, 1);
  });

  it('cuts off an object that causes too many, and no other', async (t) => {
    // events of one moment have names of their own, whatever chance says
    t.mock.method(Math, 'random', () => 0);
    await using api = await FakeApi.start();
    const { signal } = new AbortController();
    const recorder = new EventRecorder({ client: api.client, component: 'test', clock: new ManualClock(), signal });
    for (let number = 0; number < 40; number++)
      recorder.record(NODE, { type: 'Normal', reason: 'Flood', message: `number ${number}` });
    recorder.record({ ...NODE, name: 'node-2', uid: 'node-2' }, { type: 'Normal', reason: 'A', message: 'b' });
    await recorder.settled();
    const about = api.all(EVENTS).map(({ involvedObject }) => involvedObject.name);
    assert.equal(about.filter((name) => name === 'node-1').length, 25);
    assert.equal(about.filter((name) => name === 'node-2').length, 1);
  });

  it('never fails its caller', async () => {
    await using api = await FakeApi.start();
    const errors: unknown[] = [];
    const { signal } = new AbortController();
    const onError = (error: unknown) => errors.push(error);
    const recorder = new EventRecorder({ client: api.client, component: 'test', signal, onError });
    api.server.handler = (_, response) => response.writeHead(403).end('{}');
    recorder.record(NODE, { type: 'Normal', reason: 'A', message: 'b' });
    await recorder.settled();
    assert.equal(errors.length, 1);
  });
});
