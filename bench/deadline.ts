import { setTimeout as sleep } from 'node:timers/promises';

const POLL = 10;

/** Resolves as soon as it is so. @throws Error after `seconds` */
export async function waitUntil(what: string, isSo: () => boolean, seconds = 60): Promise<void> {
  const deadline = performance.now() + seconds * 1000;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await sleep(POLL);
  }
}
