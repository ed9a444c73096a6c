export type LogStream = 'stdout' | 'stderr';

/** One line of a container's output. */
export interface LogLine {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly stream: LogStream;
  /** False for what came before the end of the output without an end of line. */
  readonly complete: boolean;
  readonly text: string;
}

/** `TIME stdout F TEXT`: the format of the container runtime interface (kubelet's "CRI logging format"). */
export function formatLogLine({ time, stream, complete, text }: LogLine): string {
  return `${new Date(time).toISOString()} ${stream} ${complete ? 'F' : 'P'} ${text}`;
}

const LINE = /^(\S+) (stdout|stderr) ([FP]) (.*)$/s;

/** Reads what formatLogLine writes; undefined for anything else. */
export function parseLogLine(line: string): LogLine | undefined {
  const [, timestamp = '', stream, tag, text = ''] = LINE.exec(line) ?? [];
  const time = Date.parse(timestamp);
  if (Number.isNaN(time) || (stream !== 'stdout' && stream !== 'stderr')) return undefined;
  return { time, stream, complete: tag === 'F', text };
}

/** Those lines that are new enough, and of them the last `tailLines`. */
export function selectLines(
  lines: Iterable<LogLine>,
  { since, tailLines }: { readonly since?: number; readonly tailLines?: number },
): LogLine[] {
  const recent = [...lines].filter(({ time }) => since === undefined || time >= since);
  return tailLines === undefined ? recent : recent.slice(Math.max(0, recent.length - tailLines));
}
