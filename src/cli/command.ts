import { type ParseArgsConfig, parseArgs } from 'node:util';
import { FlatnetError } from '../error/flatnet-error.ts';

/** sysexits.h: EX_USAGE. */
export const EXIT_USAGE = 64;

/** One command of the program. */
export interface Command {
  /** Printed by `--help` and after a usage error. */
  readonly usage: string;
  /**
   * Does what it is asked for, and resolves to the exit code.
   * @param args what follows the command's name
   * @throws FlatnetError `usage` before anything is done
   */
  run(args: readonly string[]): Promise<number>;
}

export function usageError(message: string, remedy = 'see the usage below'): FlatnetError {
  return new FlatnetError({ operation: 'command line', code: 'usage', message, remedy });
}

/** The name of a lab, where several run. */
export const NAME_OPTION = { name: { type: 'string', default: 'default' } } as const;
/** What is printed: text for people, or JSON. */
export const OUTPUT_OPTION = { output: { type: 'string', short: 'o', default: 'text' } } as const;

type Options = NonNullable<ParseArgsConfig['options']>;

/** util.parseArgs, strict, with our own error. @throws FlatnetError `usage` */
export function parseArguments<const O extends Options>(args: readonly string[], options: O, positionals = false) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: positionals, strict: true, tokens: true });
  } catch (error) {
    throw usageError(error instanceof Error ? (error.message.split('. ')[0] ?? error.message) : String(error));
  }
}

/** Whether `-o json` was given. @throws FlatnetError `usage` for any other form */
export function wantsJson(output: string): boolean {
  if (output === 'json') return true;
  if (output === 'text') return false;
  throw usageError(`-o ${output} is no form of output`, 'use -o text or -o json');
}

/** A whole number of a range from an option's text. @throws FlatnetError `usage` */
export function parseCount(option: string, text: string, minimum: number, maximum: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= minimum && value <= maximum) return value;
  throw usageError(`--${option} ${text} is not a number`, `use one from ${minimum} to ${maximum}`);
}
