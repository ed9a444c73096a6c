import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ageOf, formatAge } from './duration.ts';

test('ages read as in kubectl', () => {
  const cases: readonly [seconds: number, text: string][] = [
    [0, '0s'],
    [119, '119s'],
    [120, '2m'],
    [190, '3m10s'],
    [3599, '59m'],
    [3 * 3600, '3h'],
    [5 * 3600 + 20 * 60, '5h20m'],
    [47 * 3600, '47h'],
    [2 * 86_400, '2d'],
    [3 * 86_400 + 4 * 3600, '3d4h'],
    [400 * 86_400, '400d'],
    [800 * 86_400, '2y70d'],
    [-5, '<invalid>'],
  ];
  for (const [seconds, text] of cases) assert.equal(formatAge(seconds * 1000), text);
  assert.equal(ageOf(undefined, 0), '<unknown>');
});
