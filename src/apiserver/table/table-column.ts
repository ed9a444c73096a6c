import type { ApiObject, JsonValue } from '../json-value.ts';

/** One column of `kubectl get` (meta/v1 TableColumnDefinition), and how its cell is made. */
export interface TableColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly format: '' | 'name';
  readonly description: string;
  /** 0 is always shown, 1 with `-o wide`. */
  readonly priority: 0 | 1;
  /** `now` in milliseconds since 1970. */
  readonly cell: (object: ApiObject, now: number) => JsonValue;
}

export type Cell = TableColumn['cell'];

export function column(name: string, cell: Cell, description: string): TableColumn {
  return { name, type: 'string', format: '', description, priority: 0, cell };
}

/** A column for `-o wide`. */
export function wideColumn(name: string, cell: Cell, description: string): TableColumn {
  return { ...column(name, cell, description), priority: 1 };
}

export function numberColumn(name: string, cell: Cell, description: string): TableColumn {
  return { ...column(name, cell, description), type: 'integer' };
}
