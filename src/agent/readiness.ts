/** One thing that readiness depends on. */
export interface Condition {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'failed';
  /** Why, and what to do; empty where ok. */
  readonly message: string;
}

/** The conditions under which this node's network can be used. Each starts as failed until somebody says otherwise. */
export class Readiness {
  readonly #conditions = new Map<string, Condition>();
  readonly #onChange: (condition: Condition) => void;

  constructor(names: readonly string[], onChange: (condition: Condition) => void = () => {}) {
    for (const name of names) this.#conditions.set(name, { name, state: 'failed', message: 'not yet known' });
    this.#onChange = onChange;
  }

  set(name: string, state: Condition['state'], message = ''): void {
    const before = this.#conditions.get(name);
    if (before?.state === state && before.message === message) return;
    const condition = { name, state, message };
    this.#conditions.set(name, condition);
    this.#onChange(condition);
  }

  /** True if no condition has failed; warnings don't count. */
  get ready(): boolean {
    return this.failed === undefined;
  }

  /** The first condition that has failed. */
  get failed(): Condition | undefined {
    return this.list().find((condition) => condition.state === 'failed');
  }

  list(): readonly Condition[] {
    return [...this.#conditions.values()];
  }

  /** A line a condition, in the manner of Kubernetes' own verbose health checks. */
  format(): string {
    const mark = { ok: '[+]', warning: '[!]', failed: '[-]' } as const;
    const lines = this.list().map(({ name, state, message }) =>
      state === 'ok' ? `${mark[state]}${name} ok` : `${mark[state]}${name} ${state}: ${message}`,
    );
    return `${[...lines, this.ready ? 'readyz check passed' : 'readyz check failed'].join('\n')}\n`;
  }
}
