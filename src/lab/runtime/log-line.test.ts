import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '#fast-check';
import { formatLogLine, type LogLine, parseLogLine, selectLines } from './log-line.ts';

const anyLine: fc.Arbitrary<LogLine> = fc
  .tuple(fc.nat(), fc.constantFrom('stdout' as const, 'stderr' as const), fc.boolean(), fc.string())
  .map(([time, stream, complete, text]) => ({ time, stream, complete, text: text.replaceAll('\n', ' ') }));

describe('log lines', () => {
  it('read back what they write', () => {
    fc.assert(fc.property(anyLine, (line) => assert.deepEqual(parseLogLine(formatLogLine(line)), line)));
  });

  it('are written as container runtimes do', () => {
    const line: LogLine = { time: 0, stream: 'stderr', complete: true, text: 'a b' };
    assert.equal(formatLogLine(line), '1970-01-01T00:00:00.000Z stderr F a b');
  });

  it('take nothing else for a line', () => {
    for (const text of ['', 'text', 'now stdout F x', '1970-01-01T00:00:00Z stdin F x'])
      assert.equal(parseLogLine(text), undefined, text);
  });

  it('are chosen by age and number', () => {
    const lines = [1, 2, 3, 4].map((time): LogLine => ({ time, stream: 'stdout', complete: true, text: `${time}` }));
    const texts = (options: { since?: number; tailLines?: number }) =>
      selectLines(lines, options).map(({ text }) => text);
    assert.deepEqual(texts({}), ['1', '2', '3', '4']);
    assert.deepEqual(texts({ since: 3 }), ['3', '4']);
    assert.deepEqual(texts({ tailLines: 1 }), ['4']);
    assert.deepEqual(texts({ tailLines: 0 }), []);
    assert.deepEqual(texts({ tailLines: 9, since: 2 }), ['2', '3', '4']);
  });
});
