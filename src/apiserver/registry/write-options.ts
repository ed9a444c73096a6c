/** How a write is to be done: the query parameters of every writing request. */
export interface WriteOptions {
  /** Checks and answers as if, and stores nothing. */
  readonly dryRun: boolean;
  readonly fieldManager: string;
  readonly fieldValidation: 'Ignore' | 'Warn' | 'Strict';
  /** False where the write has settled itself who owns which field. True where not given. */
  readonly tracksFields?: boolean;
  /** Receives what the client should be warned of. */
  readonly warn: (text: string) => void;
}

/** `meta/v1` DeleteOptions, read. */
export interface DeleteOptions {
  readonly dryRun: boolean;
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** Writes that the server itself makes. */
export const INTERNAL_WRITE: WriteOptions = {
  dryRun: false,
  fieldManager: 'kube-apiserver',
  fieldValidation: 'Ignore',
  warn: () => undefined,
};
