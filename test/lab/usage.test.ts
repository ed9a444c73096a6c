import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LabUser } from './lab-fixture.ts';

const WRONG: readonly (readonly [string, RegExp])[] = [
  ['', /no command was given/],
  ['nonesuch', /no command "nonesuch"/],
  ['lab', /no command "lab"/],
  ['lab up --hosts 0', /--hosts 0/],
  ['lab up --hosts many', /--hosts many/],
  ['lab up --nonesuch', /--nonesuch/],
  ['lab up --name Upper', /"Upper"/],
  ['lab up --backend bgp', /--backend bgp/],
  ['lab up -o xml', /-o xml/],
  ['lab up extra', /extra/],
  ['lab exec', /where to run it/],
  ['lab exec node/node-1', /the command is missing/],
  ['lab exec somewhere -- true', /"somewhere"/],
  ['lab reboot', /one host/],
  ['lab logs a b', /one host at most/],
  ['controller', /--config is missing/],
  ['cleanup --nonesuch', /--nonesuch/],
  ['cleanup -o xml', /-o xml/],
  ['cleanup everything', /everything/],
];

describe('a usage error', () => {
  for (const [words, message] of WRONG)
    it(`exits 64 and does nothing: flatnet ${words}`, (t) => {
      const user = new LabUser(t);
      const { status, stderr, stdout } = user.run(words.split(' ').filter(Boolean));
      assert.equal(status, 64);
      assert.match(stderr, message);
      assert.match(stderr, /Usage: flatnet/);
      assert.equal(stdout, '');
      assert.deepEqual(user.leftovers, []);
    });

  it('is no error where help is asked for', (t) => {
    const user = new LabUser(t);
    for (const words of [['--help'], ['lab', 'up', '--help'], ['lab', 'exec', '-h']]) {
      const { status, stdout } = user.run(words);
      assert.equal(status, 0);
      assert.match(stdout, /Usage: flatnet/);
    }
  });
});
