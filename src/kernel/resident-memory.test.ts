import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parseCleanMappings, releaseResidentMemory } from './resident-memory.ts';

function mapping(
  head: string,
  fields: { readonly anonymous?: number; readonly swap?: number; readonly flags?: string },
) {
  const { anonymous = 0, swap = 0, flags = 'rd ex mr mw me' } = fields;
  const line = (name: string, value: number) => `${name}: ${String(value).padStart(8)} kB`;
  return [head, line('Rss', 512), line('Anonymous', anonymous), line('Swap', swap), `VmFlags: ${flags} `, ''].join(
    '\n',
  );
}

describe('parseCleanMappings', () => {
  it('finds what nobody can write to, or has written to', () => {
    const text = [
      mapping('00400000-00500000 r-xp 00000000 08:01 42                 /usr/bin/a program', {}),
      mapping('00500000-00600000 r--p 00100000 08:01 42                 /usr/bin/a program', { anonymous: 8 }),
      mapping('00600000-00700000 r--p 00100000 08:01 42                 /usr/bin/swapped', { swap: 8 }),
      mapping('00700000-00800000 rw-p 00200000 08:01 42                 /usr/bin/writable', {}),
      mapping('00800000-00900000 r--s 00000000 08:01 43                 /shared', {}),
      mapping('00900000-00a00000 r-xp 00000000 00:00 0                  [vdso]', {}),
      mapping('00a00000-00b00000 r-xp 00000000 00:00 0 ', {}),
      mapping('00b00000-00c00000 r--p 00000000 08:01 44                 /locked', { flags: 'rd mr lo sd' }),
      mapping('7f0000000000-7f0000001000 r--p 00000000 08:01 45         /lib/libc.so.6', {}),
    ].join('');
    assert.deepEqual(parseCleanMappings(text), [
      { start: 0x400000n, end: 0x500000n },
      { start: 0x7f0000000000n, end: 0x7f0000001000n },
    ]);
  });

  it("reads this process's own", () => {
    assert.ok(parseCleanMappings(readFileSync('/proc/self/smaps', 'latin1')).length > 0);
  });
});

describe('releaseResidentMemory', () => {
  it('makes a process smaller, which goes on', () => {
    const before = process.memoryUsage.rss();
    releaseResidentMemory();
    const after = process.memoryUsage.rss();
    assert.ok(before - after > 8e6, `${before} → ${after}`);
    assert.equal(JSON.parse('[1]')[0], 1);
  });
});
