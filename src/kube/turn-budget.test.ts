import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { TurnBudget } from './turn-budget.ts';

test('others have their turn as soon as work has taken its share, and not before', async () => {
  let time = 0;
  const rests: number[] = [];
  const nextTurn = async () => {
    rests.push(time);
    time += 100;
  };
  const budget = new TurnBudget({ now: () => time, nextTurn });
  for (let step = 0; step < 10; step++) {
    time += 2;
    await budget.rest();
  }
  // What others take doesn't count.
  assert.deepEqual(rests, [6, 112, 218]);
});

test('a turn that is given away is a new one afterwards', async () => {
  let time = 0;
  let turns = 0;
  const budget = new TurnBudget({ now: () => time, nextTurn: async () => turns++ });
  time = 5;
  await budget.nextTurn();
  time = 10;
  await budget.rest();
  assert.equal(turns, 1);
});

test('those who share a budget share a turn', async () => {
  let time = 0;
  let turns = 0;
  const budget = new TurnBudget({
    now: () => time,
    nextTurn: async () => {
      await setImmediate();
      turns++;
    },
  });
  const work = async () => {
    for (let step = 0; step < 6; step++) {
      time += 2;
      await budget.rest();
    }
  };
  await Promise.all([work(), work()]);
  // Twelve steps of 2 ms, of which a turn takes three, and the fourth of whoever doesn't know yet.
  assert.ok(turns >= 3 && turns <= 4, `${turns} turns`);
});

test('steps are taken to their end, and what they come to is told', async () => {
  let time = 0;
  let turns = 0;
  const budget = new TurnBudget({ now: () => time, nextTurn: async () => turns++ });
  function* steps(): Generator<void, string> {
    for (; time < 30; time += 3) yield;
    return 'whole';
  }
  assert.equal(await budget.run(steps()), 'whole');
  assert.equal(turns, 4);
});
