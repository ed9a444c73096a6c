import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Sighting } from '../lab/model/story.ts';
import { formatStoryEvent } from './story-text.ts';

const told = (sighting: Sighting, lab = 'default') =>
  formatStoryEvent({ kind: 'step', title: 'A step', text: [], sightings: [sighting], moral: 'So it is.' }, 1, lab);

const PUBLISHED: Sighting = {
  from: 'pod/docker/b',
  meant: 'pod/docker/a',
  target: '10.1.2.3:43210',
  source: '172.17.42.2',
  by: 'pod/docker/a',
  sees: '10.1.2.4',
  at: '172.17.42.2:80',
};

describe('a story for people', () => {
  it('shows a packet as a command to try, and what was changed of it', () => {
    assert.equal(
      told(PUBLISHED, 'mine'),
      `1. A step
---------

  $ flatnet lab exec --name mine docker/b -- curl -s http://10.1.2.3:43210/
    172.17.42.2 → 10.1.2.3:43210, meant for docker/a
    received by docker/a, changed: it sees 10.1.2.4 as the sender, it got it at 172.17.42.2:80

So it is.
`,
    );
  });

  it('marks what reached another than was meant', () => {
    const astray = {
      ...PUBLISHED,
      by: 'pod/docker/b',
      sees: '172.17.42.2',
      target: '172.17.42.2:80',
      at: '172.17.42.2:80',
    };
    assert.match(told(astray), /curl -s http:\/\/172\.17\.42\.2\/$/m);
    assert.match(told(astray), /received by docker\/b itself, unchanged {2}✘$/m);
  });

  it('says why nobody answered', () => {
    const { from, meant, target } = PUBLISHED;
    assert.match(told({ from, meant, target, failure: 'timeout' }), /meant for docker\/a; nobody answered: timeout$/m);
  });
});
