import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { describeError } from '../error/flatnet-error.ts';
import { isTemporaryName, readFileIfPresent, removeFileIfPresent, replaceFile } from '../kernel/atomic-file.ts';
import type { Attachment } from './attachment.ts';
import { type AttachmentRecord, formatAttachmentRecord, parseAttachmentRecord } from './attachment-record.ts';

/** Which interface of which container. */
export type AttachmentKey = Pick<Attachment, 'containerId' | 'interfaceName'>;

/** A file that could not be read, and where it is kept for a person to look at. */
export interface UnreadableAttachment {
  readonly file: string;
  readonly why: string;
}

/** A power cut ends every pod, and with them the worth of these files. */
const options = { mode: 0o600, durable: false } as const;

const SUFFIX = '.json';

/** The node's attachments, one file each; nobody but this process writes there. */
export class AttachmentStore {
  /** What was set aside when the store was opened. */
  readonly unreadable: readonly UnreadableAttachment[];
  readonly #directory: string;
  readonly #records: Map<string, AttachmentRecord>;

  private constructor(
    directory: string,
    records: Map<string, AttachmentRecord>,
    unreadable: readonly UnreadableAttachment[],
  ) {
    this.#directory = directory;
    this.#records = records;
    this.unreadable = unreadable;
  }

  /**
   * Reads every record. A file that cannot be read goes to `unreadable/` beside it; its addresses stay reserved.
   * @param directory usually /var/lib/flatnet/attachments
   */
  static open(directory: string): AttachmentStore {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const records = new Map<string, AttachmentRecord>();
    const unreadable: UnreadableAttachment[] = [];
    for (const name of readdirSync(directory)) {
      const file = path.join(directory, name);
      if (isTemporaryName(name)) removeFileIfPresent(file, options);
      if (!name.endsWith(SUFFIX)) continue;
      try {
        const record = parseAttachmentRecord(readFileIfPresent(file) ?? '');
        records.set(keyOf(record.attachment), record);
      } catch (error) {
        unreadable.push({ file: setAside(directory, name), why: describeError(error) });
      }
    }
    return new AttachmentStore(directory, records, unreadable);
  }

  get(key: AttachmentKey): AttachmentRecord | undefined {
    return this.#records.get(keyOf(key));
  }

  /** All records, whatever their phase. */
  list(): readonly AttachmentRecord[] {
    return [...this.#records.values()];
  }

  put(record: AttachmentRecord): void {
    replaceFile(this.#file(record.attachment), formatAttachmentRecord(record), options);
    this.#records.set(keyOf(record.attachment), record);
  }

  remove(key: AttachmentKey): void {
    removeFileIfPresent(this.#file(key), options);
    this.#records.delete(keyOf(key));
  }

  #file(key: AttachmentKey): string {
    return path.join(this.#directory, `${keyOf(key)}${SUFFIX}`);
  }
}

/** Neither container ids nor interface names hold a colon. */
export function keyOf({ containerId, interfaceName }: AttachmentKey): string {
  return `${containerId}:${interfaceName}`;
}

function setAside(directory: string, name: string): string {
  const kept = path.join(directory, 'unreadable');
  mkdirSync(kept, { recursive: true, mode: 0o700 });
  const file = path.join(kept, name);
  renameSync(path.join(directory, name), file);
  return file;
}
