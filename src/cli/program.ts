import { describeError, isFlatnetError } from '../error/flatnet-error.ts';
import { type Command, EXIT_USAGE, usageError } from './command.ts';

interface Entry {
  /** One line for the list of commands; absent for those that the program runs itself. */
  readonly summary?: string;
  /** Only the command that is asked for is loaded. */
  readonly load: () => Promise<Command>;
}

const COMMANDS: ReadonlyMap<string, Entry> = new Map<string, Entry>([
  ['lab up', { summary: 'start a cluster on this machine', load: async () => (await import('./lab-up.ts')).labUp }],
  [
    'lab exec',
    { summary: 'run a command in a host or a pod', load: async () => (await import('./lab-exec.ts')).labExec },
  ],
  [
    'lab status',
    { summary: "show a lab's hosts and pods", load: async () => (await import('./lab-status.ts')).labStatus },
  ],
  [
    'lab logs',
    {
      summary: 'show what an agent or the lab itself logged',
      load: async () => (await import('./lab-logs.ts')).labLogs,
    },
  ],
  [
    'lab reboot',
    { summary: 'cut the power of a host, and boot it', load: async () => (await import('./lab-reboot.ts')).labReboot },
  ],
  [
    'lab story',
    {
      summary: "tell how a lab's model works, with packets",
      load: async () => (await import('./lab-story.ts')).labStory,
    },
  ],
  ['lab list', { summary: 'list the labs of this user', load: async () => (await import('./lab-list.ts')).labList }],
  ['lab down', { summary: 'end a lab', load: async () => (await import('./lab-down.ts')).labDown }],
  ['warm', { load: async () => (await import('./warm.ts')).warm }],
  ['lab keep', { load: async () => (await import('./lab-detached.ts')).labKeep }],
  ['lab init', { load: async () => (await import('./lab-init.ts')).labInit }],
  ['agent', { summary: "keep this host's part of the network", load: async () => (await import('./agent.ts')).agent }],
  [
    'controller',
    { summary: 'give nodes their pod prefixes', load: async () => (await import('./controller.ts')).controller },
  ],
  [
    'plan',
    { summary: 'print what a node would get from manifests', load: async () => (await import('./plan.ts')).plan },
  ],
  [
    'cleanup',
    {
      summary: "remove all that is Flatnet's from this host",
      load: async () => (await import('./cleanup.ts')).cleanup,
    },
  ],
  ['verify', { summary: 'test the three rules', load: async () => (await import('./verify.ts')).verify }],
  ['trace', { summary: "show a packet's way", load: async () => (await import('./trace.ts')).trace }],
  [
    'collect',
    { summary: "write down this host's network state", load: async () => (await import('./collect.ts')).collect },
  ],
  [
    'start',
    { summary: 'start a lab and verify it: what npm start does', load: async () => (await import('./start.ts')).start },
  ],
]);

/** Runs the program with its arguments, and resolves to the exit code; errors go to standard error. */
export async function runProgram(args: readonly string[]): Promise<number> {
  const found = findCommand(args);
  if (found === undefined) return listCommands(args);
  const command = await found.entry.load();
  if (asksForHelp(found.rest)) {
    process.stdout.write(`${command.usage}\n`);
    return 0;
  }
  try {
    return await command.run(found.rest);
  } catch (error) {
    process.stderr.write(`flatnet: ${describeError(error)}\n`);
    if (!isFlatnetError(error, 'usage')) return 1;
    process.stderr.write(`\n${command.usage}\n`);
    return EXIT_USAGE;
  }
}

function findCommand(args: readonly string[]) {
  for (const words of [2, 1]) {
    const entry = COMMANDS.get(args.slice(0, words).join(' '));
    if (entry !== undefined) return { entry, rest: args.slice(words) };
  }
  return undefined;
}

/** What stands after `--` is somebody else's. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).some((arg) => arg === '--help' || arg === '-h');
}

function listCommands(args: readonly string[]): number {
  const listed = [...COMMANDS].filter(([, { summary }]) => summary !== undefined);
  const lines = listed.map(([name, { summary }]) => `    flatnet ${name.padEnd(12)} ${summary}`);
  const text = ['Usage: flatnet COMMAND …; each tells more with --help', '', ...lines, ''].join('\n');
  const isHelp = args[0] === 'help' || asksForHelp(args);
  if (!isHelp) {
    const given = args.slice(0, 2).join(' ');
    const error = usageError(given === '' ? 'no command was given' : `there is no command ${JSON.stringify(given)}`);
    process.stderr.write(`flatnet: ${describeError(error)}\n\n`);
  }
  (isHelp ? process.stdout : process.stderr).write(text);
  return isHelp ? 0 : EXIT_USAGE;
}
