/** Kubernetes' CrashLoopBackOff: 10 seconds, doubled with each crash up to 5 minutes, forgotten after 10 good minutes. */
const FIRST = 10_000;
const LIMIT = 300_000;
const FORGOTTEN_AFTER = 600_000;

/** How long a container that ended waits before it is started again. */
export class RestartBackoff {
  #wait = 0;

  /**
   * To be asked at each end of the container.
   * @param ran milliseconds that it had been running
   * @returns milliseconds to wait from now on; the first restart is immediate
   */
  next(ran: number): number {
    if (ran >= FORGOTTEN_AFTER) this.#wait = 0;
    const wait = this.#wait;
    this.#wait = wait === 0 ? FIRST : Math.min(wait * 2, LIMIT);
    return wait;
  }
}

/** `back-off 40s restarting failed container=NAME pod=POD`, as kubectl's users know it. */
export function describeBackoff(wait: number, container: string, pod: string): string {
  const minutes = Math.floor(wait / 60_000);
  const seconds = Math.round((wait % 60_000) / 1000);
  const duration = minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
  return `back-off ${duration} restarting failed container=${container} pod=${pod}`;
}
