/** One thing that readiness depends on. */
export interface Condition {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'failed';
  /** Why, and what to do; empty where ok. */
  readonly message: string;
}

const MARKS = { ok: '[+]', warning: '[!]', failed: '[-]' } as const;

/** A line a condition, in the manner of Kubernetes' own verbose health checks. */
export function formatConditions(conditions: readonly Condition[]): string {
  const lines = conditions.map(
    ({ name, state, message }) =>
      // a condition is one line, whatever an error says
      `${MARKS[state]}${name} ${state === 'ok' ? 'ok' : `${state}: ${message.replace(/\s*\n\s*/g, '; ')}`}`,
  );
  return lines.map((line) => `${line}\n`).join('');
}

/** The conditions in what formatConditions has made; other lines are passed over. */
export function parseConditions(text: string): readonly Condition[] {
  return text.split('\n').flatMap((line): readonly Condition[] => {
    const match = /^\[[+!-]\](\S+) (ok|warning|failed)(?:: (.*))?$/.exec(line);
    if (match === null) return [];
    const [, name = '', state = '', message = ''] = match;
    return [{ name, state: state as Condition['state'], message }];
  });
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

  /** What `/readyz` answers. */
  format(): string {
    return `${formatConditions(this.list())}readyz check ${this.ready ? 'passed' : 'failed'}\n`;
  }
}
