import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { describeError } from '../error/flatnet-error.ts';
import { isTemporaryName, readFileIfPresent, removeFileIfPresent, replaceFile } from '../kernel/atomic-file.ts';
import type { Attachment } from './attachment.ts';
import {
  ATTACHMENT_PHASES,
  type AttachmentPhase,
  type AttachmentRecord,
  formatAttachmentRecord,
  parseAttachmentRecord,
} from './attachment-record.ts';

/** Which interface of which container. */
export type AttachmentKey = Pick<Attachment, 'containerId' | 'interfaceName'>;

/** A file that could not be read, and where it is kept for a person to look at. */
export interface UnreadableAttachment {
  readonly file: string;
  readonly why: string;
}

/** A power cut ends every pod, and with them the worth of these files. */
const options = { mode: 0o600, durable: false } as const;

/**
 * The node's attachments, one file each; nobody but this process writes there. The phase of an attachment is the ending of
 * its file's name, so that a change of it is one rename.
 */
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
    const names = readdirSync(directory);
    for (const name of names.filter(isTemporaryName)) removeFileIfPresent(path.join(directory, name), options);
    for (const phase of ATTACHMENT_PHASES)
      for (const name of names.filter((candidate) => candidate.endsWith(`.${phase}`) && !isTemporaryName(candidate))) {
        const file = path.join(directory, name);
        try {
          const record = parseAttachmentRecord(readFileIfPresent(file) ?? '', phase);
          // Who died while an attachment changed its phase left the file of the former beside that of the new one.
          const former = records.get(keyOf(record.attachment));
          if (former !== undefined) removeFileIfPresent(fileOf(directory, former), options);
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

  /** Writes a record in place of the former of the same interface, if any, and gives it back. */
  put(record: AttachmentRecord): AttachmentRecord {
    const former = this.#records.get(keyOf(record.attachment));
    replaceFile(fileOf(this.#directory, record), formatAttachmentRecord(record), options);
    if (former !== undefined && former.phase !== record.phase)
      removeFileIfPresent(fileOf(this.#directory, former), options);
    this.#records.set(keyOf(record.attachment), record);
    return record;
  }

  /** Changes nothing but the phase. */
  setPhase(record: AttachmentRecord, phase: AttachmentPhase): AttachmentRecord {
    const changed = { ...record, phase };
    renameSync(fileOf(this.#directory, record), fileOf(this.#directory, changed));
    this.#records.set(keyOf(record.attachment), changed);
    return changed;
  }

  remove(key: AttachmentKey): void {
    const record = this.#records.get(keyOf(key));
    if (record === undefined) return;
    removeFileIfPresent(fileOf(this.#directory, record), options);
    this.#records.delete(keyOf(key));
  }
}

/** Neither container ids nor interface names hold a colon. */
export function keyOf({ containerId, interfaceName }: AttachmentKey): string {
  return `${containerId}:${interfaceName}`;
}

function fileOf(directory: string, { phase, attachment }: AttachmentRecord): string {
  return path.join(directory, `${keyOf(attachment)}.${phase}`);
}

function setAside(directory: string, name: string): string {
  const kept = path.join(directory, 'unreadable');
  mkdirSync(kept, { recursive: true, mode: 0o700 });
  const file = path.join(kept, name);
  renameSync(path.join(directory, name), file);
  return file;
}
